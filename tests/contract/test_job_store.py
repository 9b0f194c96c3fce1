"""What every job store promises the front door."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from api.services.records import bare_job
from shared.adapters.records import PAGE_OUTCOME_BYTES
from shared.errors import IllegalTransition, InputsExpired, InvalidSpec, JobConflict, JobNotFound
from shared.jobs import Cancelled, Failed, Progress
from shared.ports import JobQuery
from shared.states import JobState
from tests.support.jobs import BLOB, ERROR, completed, new_job
from tests.support.rigs import Jobs


async def test_a_created_job_is_kept_whole(jobs: Jobs):
    before = datetime.now(UTC) - timedelta(seconds=2)
    new = new_job(labels={"unit": 'é "7"'}, priority=9, blobs=(BLOB, b"", b"\x00\xff"), retry_of="another")

    created = await jobs.front.create(new)

    assert created.fresh
    record = created.record
    assert (record.id, record.kind, record.state, record.lane) == (new.id, "inference", JobState.PENDING, "cpu")
    assert (record.attempt, record.fence, record.seq, record.retry_of) == (0, 0, 1, "another")
    assert (record.labels, record.priority, record.spec) == ({"unit": 'é "7"'}, 9, new.task)
    assert record.progress == Progress(fraction=0.0, stage="queued")
    assert before < record.created_at < datetime.now(UTC) + timedelta(seconds=2)
    assert await jobs.front.get(new.id) == record
    assert await jobs.front.blobs(new.id) == [BLOB, b"", b"\x00\xff"]


@pytest.mark.parametrize("predictions", [1, 1_000])
async def test_who_looks_past_a_large_outcome_can_still_tell_all_of_the_job(jobs: Jobs, predictions: int):
    new = new_job()
    await jobs.front.create(new)
    waits = await jobs.front.look(new.id)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    jobs.workshop.settle(claim, completed(predictions), [])

    seen, whole = await jobs.front.look(new.id), await jobs.front.get(new.id)

    assert (waits.record.state, waits.record.outcome) == (JobState.PENDING, None)
    assert (seen.outcome is None, seen.record == whole) == ((predictions == 1,) * 2)
    assert bare_job(seen.record, seen.outcome) == bare_job(whole)
    assert seen.read() == whole


async def test_many_large_inputs_travel_whole(jobs: Jobs):
    blobs = tuple(bytes([number % 256]) * 997 for number in range(10_000))
    new = new_job(blobs=blobs)

    await jobs.front.create(new)

    assert await jobs.front.blobs(new.id) == list(blobs)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    assert claim.blobs == list(blobs)


async def test_a_job_without_inputs_has_none_to_lose(jobs: Jobs):
    new = new_job(blobs=())
    await jobs.front.create(new)
    assert await jobs.front.blobs(new.id) == []


async def test_the_same_id_and_spec_is_the_same_job(jobs: Jobs):
    new = new_job()
    first = await jobs.front.create(new)

    second = await jobs.front.create(new)

    assert not second.fresh
    assert second.record == first.record
    assert len(await jobs.front.events(new.id, 0)) == 1


async def test_the_same_id_with_another_spec_is_a_conflict(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    with pytest.raises(JobConflict):
        await jobs.front.create(new_job(id=new.id, fingerprint="two"))


async def test_an_idempotency_key_names_its_job(jobs: Jobs):
    first = await jobs.front.create(new_job(idempotency_key="k\u00e9y 1"))

    again = await jobs.front.create(new_job(idempotency_key="k\u00e9y 1"))

    assert not again.fresh
    assert again.record == first.record
    with pytest.raises(JobConflict):
        await jobs.front.create(new_job(idempotency_key="k\u00e9y 1", fingerprint="two"))
    assert (await jobs.front.create(new_job(idempotency_key="key 2"))).fresh


async def test_what_was_accepted_is_known_by_its_id_and_by_its_key(jobs: Jobs):
    first = (await jobs.front.create(new_job(idempotency_key="k"))).record
    assert await jobs.front.known(first.id, "one") == first
    assert await jobs.front.known("another", "one", "k") == first
    assert await jobs.front.known("another", "one") is None
    assert await jobs.front.known("another", "one", "k2") is None
    for job_id, key in ((first.id, None), (first.id, "k2"), ("another", "k")):
        with pytest.raises(JobConflict):
            await jobs.front.known(job_id, "two", key)
    assert len((await jobs.front.find(JobQuery())).jobs) == 1


async def test_twenty_at_once_with_one_key_make_one_job(jobs: Jobs):
    made = await asyncio.gather(*(jobs.front.create(new_job(idempotency_key="k")) for _ in range(20)))

    assert sum(each.fresh for each in made) == 1
    assert len({each.record.id for each in made}) == 1


async def test_unknown_jobs(jobs: Jobs):
    for call in (jobs.front.get, jobs.front.look, jobs.front.blobs, jobs.front.delete):
        with pytest.raises(JobNotFound):
            await call("nobody")
    with pytest.raises(JobNotFound):
        await jobs.front.request_cancel("nobody", "why")
    await jobs.front.discard("nobody")
    await jobs.front.published("nobody")
    assert await jobs.front.events("nobody", 0) == []


async def test_discard_forgets_everything(jobs: Jobs):
    new = new_job(idempotency_key="k")
    await jobs.front.create(new)

    await jobs.front.discard(new.id)

    with pytest.raises(JobNotFound):
        await jobs.front.get(new.id)
    assert (await jobs.front.find(JobQuery())).jobs == []
    assert jobs.workshop.unpublished(0) == []
    assert (await jobs.front.backlog())["cpu"].depth == 0
    assert (await jobs.front.create(new_job(idempotency_key="k", fingerprint="two"))).fresh


@pytest.mark.parametrize("step", ["claimed", "given back", "cancelled"])
async def test_discard_leaves_a_job_that_went_on(jobs: Jobs, step: str):
    new = new_job()
    await jobs.front.create(new)
    if step == "cancelled":
        await jobs.front.request_cancel(new.id, "why")
    else:
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None
        if step == "given back":
            jobs.workshop.give_up(new.id, claim.fence, "w", ERROR)

    await jobs.front.discard(new.id)

    assert (await jobs.front.get(new.id)).id == new.id


@pytest.mark.parametrize("by", ["id", "key", "known"])
async def test_discard_leaves_a_job_that_another_request_was_answered_with(jobs: Jobs, by: str):
    new = new_job(idempotency_key="k")
    await jobs.front.create(new)
    if by == "known":
        assert await jobs.front.known(new.id, "one") is not None
    else:
        again = new_job(id=new.id) if by == "id" else new_job(idempotency_key="k")
        assert (await jobs.front.create(again)).record.id == new.id

    await jobs.front.discard(new.id)

    assert (await jobs.front.get(new.id)).state is JobState.PENDING
    assert [record.id for record in jobs.workshop.unpublished(0)] == [new.id]


async def test_a_refused_request_keeps_no_job_from_being_discarded(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    with pytest.raises(JobConflict):
        await jobs.front.create(new_job(id=new.id, fingerprint="two"))

    await jobs.front.discard(new.id)

    with pytest.raises(JobNotFound):
        await jobs.front.get(new.id)


async def test_a_waiting_job_is_cancelled_at_once(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)

    record = await jobs.front.request_cancel(new.id, "changed my mind")

    assert record == await jobs.front.get(new.id)
    assert record.state is JobState.CANCELLED
    assert record.cancel_requested
    assert record.outcome == Cancelled(reason="changed my mind")
    assert record.finished_at is not None
    assert record.run_ms is None
    assert jobs.workshop.claim(new.id, "w", 10) is None
    assert jobs.workshop.unpublished(0) == []
    with pytest.raises(IllegalTransition):
        await jobs.front.request_cancel(new.id, "again")


async def test_a_running_job_is_asked_to_stop_once(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    jobs.workshop.claim(new.id, "w", 10)

    first = await jobs.front.request_cancel(new.id, "first")
    second = await jobs.front.request_cancel(new.id, "second")

    assert first.state is JobState.RUNNING
    assert first.cancel_requested
    assert second == first


async def test_only_ended_jobs_are_deleted(jobs: Jobs):
    new = new_job(idempotency_key="k")
    await jobs.front.create(new)
    with pytest.raises(IllegalTransition):
        await jobs.front.delete(new.id)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    with pytest.raises(IllegalTransition):
        await jobs.front.delete(new.id)
    jobs.workshop.settle(claim, completed())
    was = await jobs.front.get(new.id)

    assert await jobs.front.delete(new.id) == was

    with pytest.raises(JobNotFound):
        await jobs.front.get(new.id)
    assert (await jobs.front.find(JobQuery())).jobs == []
    assert await jobs.front.events(new.id, 0) == []
    assert (await jobs.front.create(new_job(idempotency_key="k", fingerprint="two"))).fresh


async def test_inputs_of_a_completed_job_go_with_its_end(jobs: Jobs):
    new, empty = new_job(), new_job(blobs=())
    for each in (new, empty):
        await jobs.front.create(each)
        claim = jobs.workshop.claim(each.id, "w", 10)
        assert claim is not None
        jobs.workshop.settle(claim, completed())

    with pytest.raises(InputsExpired):
        await jobs.front.blobs(new.id)
    assert await jobs.front.blobs(empty.id) == []


async def test_inputs_are_kept_until_some_time_after_another_end(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    jobs.age_inputs(new.id)
    assert await jobs.front.blobs(new.id) == [BLOB]
    await jobs.front.request_cancel(new.id, "why")
    assert await jobs.front.blobs(new.id) == [BLOB]

    jobs.age_inputs(new.id)

    with pytest.raises(InputsExpired):
        await jobs.front.blobs(new.id)


async def test_backlog_counts_what_waits(jobs: Jobs):
    assert await jobs.front.backlog() == {}
    waiting = [new_job(lane="cpu"), new_job(lane="cpu"), new_job(lane="gpu.1")]
    for new in waiting:
        await jobs.front.create(new)

    backlog = await jobs.front.backlog()
    assert {lane: each.depth for lane, each in backlog.items()} == {"cpu": 2, "gpu.1": 1}
    oldest = backlog["cpu"].oldest_wait_ms
    assert oldest is not None
    assert 0 <= oldest < 10_000

    first, second, _ = waiting
    claim = jobs.workshop.claim(first.id, "w", 10)
    await jobs.front.request_cancel(second.id, "why")
    backlog = await jobs.front.backlog()
    assert (backlog["cpu"].depth, backlog["cpu"].oldest_wait_ms) == (0, None)

    assert claim is not None
    jobs.workshop.give_up(first.id, claim.fence, "w", ERROR)
    assert (await jobs.front.backlog())["cpu"].depth == 1


async def test_find_pages_newest_first(jobs: Jobs):
    news = [new_job() for _ in range(7)]
    for new in news:
        await jobs.front.create(new)

    found: list[str] = []
    cursor = None
    sizes = []
    while True:
        page = await jobs.front.find(JobQuery(limit=3, cursor=cursor))
        found += [job.id for job in page.jobs]
        sizes.append(len(page.jobs))
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == [new.id for new in reversed(news)]
    assert sizes == [3, 3, 1]


async def test_a_page_of_huge_outcomes_is_short(jobs: Jobs):
    huge = PAGE_OUTCOME_BYTES // 2 + 1
    ids: list[str] = []
    for _ in range(5):
        new = new_job(blobs=())
        ids.append((await jobs.front.create(new)).record.id)
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None
        jobs.workshop.settle(claim, Failed(error=ERROR.model_copy(update={"detail": "x" * huge})))

    first = await jobs.front.find(JobQuery())
    second = await jobs.front.find(JobQuery(cursor=first.next_cursor))
    third = await jobs.front.find(JobQuery(cursor=second.next_cursor, labels={}))

    assert [len(page.jobs) for page in (first, second, third)] == [2, 2, 1]
    assert [job.id for page in (first, second, third) for job in page.jobs] == ids[::-1]
    assert third.next_cursor is None


async def test_a_page_that_ends_exactly_has_no_next(jobs: Jobs):
    for _ in range(2):
        await jobs.front.create(new_job())
    page = await jobs.front.find(JobQuery(limit=2))
    assert len(page.jobs) == 2
    assert page.next_cursor is None


async def test_cursors_survive_new_and_deleted_jobs(jobs: Jobs):
    news = [new_job() for _ in range(4)]
    for new in news:
        await jobs.front.create(new)
    page = await jobs.front.find(JobQuery(limit=2))

    await jobs.front.create(new_job())
    for gone in (news[2], news[1]):
        await jobs.front.request_cancel(gone.id, "why")
        await jobs.front.delete(gone.id)

    rest = await jobs.front.find(JobQuery(limit=2, cursor=page.next_cursor))
    assert [job.id for job in rest.jobs] == [news[0].id]


async def test_find_filters(jobs: Jobs):
    plain = new_job()
    labelled = new_job(labels={"a": "1", "b": "é"}, device="CPU")
    other = new_job(labels={"a": "2"}, device="CPU")
    for new in (plain, labelled, other):
        await jobs.front.create(new)
    await jobs.front.request_cancel(other.id, "why")

    async def ids(**filters: object) -> set[str]:
        return {job.id for job in (await jobs.front.find(JobQuery(**filters))).jobs}  # type: ignore[arg-type]

    assert await ids() == {plain.id, labelled.id, other.id}
    assert await ids(device="CPU") == {labelled.id, other.id}
    assert await ids(device="AUTO") == {plain.id}
    assert await ids(state=JobState.CANCELLED) == {other.id}
    assert await ids(kind="model_download") == set()
    assert await ids(kind="inference", device="CPU", state=JobState.PENDING) == {labelled.id}
    assert await ids(labels={"a": "1"}) == {labelled.id}
    assert await ids(labels={"a": "1", "b": "é"}) == {labelled.id}
    assert await ids(labels={"a": "1", "b": "x"}) == set()
    assert await ids(labels={"c": ""}) == set()


async def test_a_rare_job_is_found_over_several_pages(jobs: Jobs):
    rare = new_job(labels={"rare": "yes"}, blobs=())
    await jobs.front.create(rare)
    await asyncio.gather(*(jobs.front.create(new_job(blobs=())) for _ in range(1_050)))

    query = JobQuery(labels={"rare": "yes"})
    first = await jobs.front.find(query)
    assert first.jobs == []
    assert first.next_cursor is not None

    second = await jobs.front.find(JobQuery(labels={"rare": "yes"}, cursor=first.next_cursor))
    assert [job.id for job in second.jobs] == [rare.id]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "bzE=x", "b3gx", "!!", "bzEx\u00e9", "b" * 400, "by0x"])
async def test_a_cursor_of_somebody_else_is_refused(jobs: Jobs, cursor: str):
    with pytest.raises(InvalidSpec) as raised:
        await jobs.front.find(JobQuery(cursor=cursor))
    assert raised.value.broken[0][0] == "/cursor"


async def test_it_answers(jobs: Jobs):
    await jobs.front.ping()
