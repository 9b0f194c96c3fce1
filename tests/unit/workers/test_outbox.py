import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.upkeep import LONGEST_BACKOFF_S, backoff_s, due_at
from tests.support.workshop import Workshop

LIMIT_S = 20
ids = st.text("0123456789abcdef", min_size=1, max_size=32)


@given(ids, st.integers(0, 1_000), st.floats(0.001, 30))
def test_a_back_off_is_half_to_all_of_the_base_doubled_each_time_and_bounded(job_id, attempt, base):
    full = min(base * 2.0 ** min(attempt, 30), LONGEST_BACKOFF_S)
    assert full / 2 <= backoff_s(job_id, attempt, base) <= full


@given(ids, st.integers(0, 10))
def test_every_worker_computes_the_same_back_off(job_id, attempt):
    assert backoff_s(job_id, attempt, 1.0) == backoff_s(job_id, attempt, 1.0)


def test_jobs_that_failed_together_come_back_apart():
    assert len({round(backoff_s(f"job-{number}", 0, 1.0), 3) for number in range(50)}) > 40


@pytest.fixture
def shop(tmp_path):
    made = Workshop(tmp_path)
    yield made
    made.outbox.stop()


async def test_a_new_job_is_due_at_once(shop):
    assert due_at(await shop.submit(), 1.0) is None


async def test_jobs_are_sent_in_the_order_they_are_due(shop):
    late, soon = await shop.submit("late", published=False), await shop.submit("soon", published=False)
    shop.outbox.start()
    shop.outbox.publish_after(late, 0.2)
    shop.outbox.publish_after(soon, 0.01)
    sent = [await asyncio.to_thread(shop.queue.take, "io", LIMIT_S) for _ in range(2)]
    assert [message and message.job_id for message in sent] == ["soon", "late"]


async def test_what_cannot_be_sent_stays_noted_as_unpublished(shop):
    record = await shop.submit(published=False)
    shop.queue.down = True
    shop.outbox.publish_after(record, 0.0)
    shop.outbox.start()
    shop.outbox.stop()
    assert [one.id for one in shop.store.unpublished(0.0)] == ["job"]


async def test_stopping_sends_what_is_due_and_leaves_what_is_not(shop):
    due, later = await shop.submit("due", published=False), await shop.submit("later", published=False)
    shop.outbox.publish_after(later, 3600)
    shop.outbox.publish_after(due, 0.0)
    shop.outbox.start()
    shop.outbox.stop()
    message = shop.queue.take("io")
    assert message is not None
    assert message.job_id == "due"
    assert [one.id for one in shop.store.unpublished(0.0)] == ["later"]
