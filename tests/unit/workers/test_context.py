import asyncio
import json

import pytest

from shared.errors import JobCancelled, JobTimedOut, StaleClaim, StoreUnavailable
from tests.support.workshop import Workshop


class Hand:
    """A clock that a test turns."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
async def context(shop, hand):
    await shop.submit(timeout_s=100)
    return shop.context(shop.claim(), clock=hand)


async def told(shop):
    events = [json.loads(event) for event in shop.bus.heard]
    return [event["progress"]["stage"] for event in events if event["type"] == "progress"]


async def test_progress_is_told_five_times_a_second_at_most_and_the_newest_counts(shop, context, hand):
    for number in range(10):
        context.progress(number / 10, f"step {number}")
        hand.now += 0.0625
    assert await told(shop) == ["step 0", "step 4", "step 8"]
    context.tell()
    assert await told(shop) == ["step 0", "step 4", "step 8"]
    context.tell(now=True)
    context.tell(now=True)
    assert (await told(shop))[3:] == ["step 9"]


async def test_the_same_progress_is_told_once(shop, context, hand):
    for _ in range(3):
        context.progress(0.5, "wait")
        hand.now += 1
    assert await told(shop) == ["wait"]


async def test_a_fraction_outside_its_range_is_cut(shop, context, hand):
    context.progress(1.5, "far")
    assert (await shop.job()).progress.fraction == 1.0
    hand.now += 1
    context.progress(-0.5, "back")
    assert (await shop.job()).progress.fraction == 0.0


async def test_a_store_that_is_away_does_not_stop_the_work_nor_slow_it(shop, context, hand):
    shop.store.away = {"report": 1}
    context.progress(0.1, "lost")
    hand.now += 1
    context.progress(0.2, "held back")
    assert await told(shop) == []
    hand.now += 10
    context.progress(0.3, "told")
    assert await told(shop) == ["told"]
    context.check()


async def test_the_first_reason_to_stop_stays(context, hand):
    context.check()
    assert not context.should_stop()
    assert context.stopped_for_s() == 0.0
    context.stop(JobCancelled())
    hand.now += 20
    assert context.should_stop()
    assert context.stopped_for_s() == 20.0
    with pytest.raises(JobCancelled):
        context.check()


async def test_time_is_up_after_timeout_s(context, hand):
    hand.now += 99.9
    context.check()
    hand.now += 0.2
    with pytest.raises(JobTimedOut, match="100 s"):
        context.check()


async def test_a_report_of_an_attempt_that_lost_its_job_stops_it(shop, context):
    shop.clock.ahead_s += 3600
    shop.upkeep.tend()
    context.progress(0.1, "work")
    with pytest.raises(StaleClaim):
        context.check()


async def test_scratch_is_made_on_first_use_and_removed_with_all_that_is_in_it(shop, context):
    assert not shop.scratch_root.exists()
    (context.scratch / "deep").mkdir()
    (context.scratch / "deep" / "file").write_text("x")
    assert context.scratch.is_dir()
    context.close()
    assert list(shop.scratch_root.iterdir()) == []
    context.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", ".hidden", "a b", "é", "x" * 201])
async def test_an_artifact_has_a_name_that_is_no_path(context, name):
    with pytest.raises(ValueError, match="not a name"):
        context.save_artifact(name, b"x", "text/plain")


async def test_an_artifact_saved_again_is_replaced(shop, context):
    context.save_artifact("a.txt", b"one", "text/plain")
    context.save_artifact("b.txt", b"two", "text/plain")
    context.save_artifact("a.txt", b"three", "text/plain")
    assert [(ref.name, ref.size) for ref in context.artifacts] == [("a.txt", 5), ("b.txt", 3)]
    assert b"".join(shop.artifacts.read("jobs/job/1/a.txt")) == b"three"
    context.drop_artifacts()
    assert shop.artifacts.keys("") == []


async def test_a_store_of_artifacts_that_comes_back_gets_what_was_made(shop, context):
    shop.artifacts.away = {"put_bytes": 2, "stat": 1}
    context.save_artifact("a.txt", b"one", "text/plain")
    context.confirm_artifacts()
    assert [ref.name for ref in context.artifacts] == ["a.txt"]


async def test_patience_with_a_store_of_artifacts_ends(shop, hand):
    await shop.submit()
    context = shop.context(shop.claim(), clock=hand, artifact_patience_s=0)
    shop.artifacts.away = {"put_bytes": float("inf")}
    with pytest.raises(StoreUnavailable):
        context.save_artifact("a.txt", b"one", "text/plain")


async def test_whoever_waits_for_a_store_of_artifacts_can_be_stopped(shop, context):
    shop.artifacts.away = {"put_bytes": float("inf")}
    saving = asyncio.create_task(asyncio.to_thread(context.save_artifact, "a.txt", b"one", "text/plain"))
    context.stop(JobCancelled())
    with pytest.raises(JobCancelled):
        await asyncio.wait_for(saving, 20)


async def test_an_artifact_that_is_not_what_was_saved_is_told(shop, context):
    context.save_artifact("a.txt", b"one", "text/plain")
    shop.artifacts.put_bytes("jobs/job/1/a.txt", b"another", "text/plain")
    with pytest.raises(StoreUnavailable, match="isn't what was saved"):
        context.confirm_artifacts()


async def test_time_counts_from_the_beginning_of_the_work(context, hand):
    hand.now += 60
    context.begin()
    hand.now += 60
    context.check()
