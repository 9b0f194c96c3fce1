"""What a key may have waiting and running, and whose jobs a tenant finds, in every job store."""

import asyncio
from typing import Any

import pytest

from shared.access_errors import TooManyActive
from shared.errors import CallerFull, JobConflict, JobNotFound
from shared.jobs import Failed
from shared.ports import Claim, JobQuery
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs


async def made(jobs: Jobs, **fields: Any) -> str:
    return (await jobs.front.create(new_job(**{"caller": "key-a", **fields}))).record.id


def begun(jobs: Jobs, job_id: str) -> Claim:
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    return claim


async def test_so_many_may_wait(jobs: Jobs):
    limit = {"caller_depth": 2}
    first, _ = [await made(jobs, **limit) for _ in range(2)]
    with pytest.raises(CallerFull) as refused:
        await made(jobs, **limit)
    assert not isinstance(refused.value, TooManyActive)
    await made(jobs, caller="key-b", **limit)
    await made(jobs, caller_depth=3)
    begun(jobs, first)
    with pytest.raises(CallerFull):
        await made(jobs, **limit)
    await made(jobs, caller_depth=3)


async def test_who_asks_again_is_no_one_more(jobs: Jobs):
    new = new_job(caller="key-a", caller_depth=1, caller_active=1)
    assert (await jobs.front.create(new)).fresh
    assert not (await jobs.front.create(new)).fresh


ENDS = ["completed", "failed", "cancelled", "deleted", "poisoned"]


async def end(jobs: Jobs, job_id: str, how: str) -> None:
    match how:
        case "completed":
            jobs.workshop.settle(begun(jobs, job_id), completed())
        case "failed":
            jobs.workshop.settle(begun(jobs, job_id), Failed(error=ERROR))
        case "poisoned":
            claim = begun(jobs, job_id)
            assert jobs.workshop.give_up(job_id, claim.fence, "w", ERROR, final=ERROR) is JobState.FAILED
        case "deleted":
            await jobs.front.request_cancel(job_id, "why")
            await jobs.front.delete(job_id)
        case _:
            await jobs.front.request_cancel(job_id, "why")


@pytest.mark.parametrize("how", ENDS)
async def test_so_many_may_wait_or_run(jobs: Jobs, how: str):
    limit = {"caller_active": 2, "max_attempts": 1}
    first, second = [await made(jobs, **limit) for _ in range(2)]
    with pytest.raises(TooManyActive):
        await made(jobs, **limit)
    claim = begun(jobs, first)
    with pytest.raises(TooManyActive):
        await made(jobs, **limit)
    assert jobs.workshop.give_up(first, claim.fence, "w", ERROR, costs=False) is JobState.PENDING
    with pytest.raises(TooManyActive):
        await made(jobs, **limit)
    for job_id in (first, second):
        await end(jobs, job_id, how)
    again = [await made(jobs, **limit) for _ in range(2)]
    with pytest.raises(TooManyActive):
        await made(jobs, **limit)
    assert len(set(again)) == 2


async def test_of_many_at_once_as_many_are_taken_as_may_be(jobs: Jobs):
    limit = {"caller_active": 3, "caller_depth": 5}
    answers = await asyncio.gather(*(made(jobs, **limit) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in answers) == 3
    assert {type(each) for each in answers} == {str, TooManyActive}


async def test_a_job_that_was_discarded_counts_no_more(jobs: Jobs):
    job_id = await made(jobs, caller_active=1, caller_depth=1)
    await jobs.front.discard(job_id)
    await made(jobs, caller_active=1, caller_depth=1)


async def test_a_tenant_finds_its_own(jobs: Jobs):
    ours = [await made(jobs, tenant="ours", labels={"x": str(number)}) for number in range(5)]
    theirs = [await made(jobs, tenant="theirs") for _ in range(5)]
    old = await made(jobs)
    assert [await jobs.front.tenant(each) for each in (ours[0], theirs[0], old)] == ["ours", "theirs", "default"]
    with pytest.raises(JobNotFound):
        await jobs.front.tenant("6fa459ea-ee8a-4ca4-894e-db77e160355e")
    page = await jobs.front.find(JobQuery(tenant="ours", limit=3))
    rest = await jobs.front.find(JobQuery(tenant="ours", limit=3, cursor=page.next_cursor))
    assert [each.id for each in (*page.jobs, *rest.jobs)] == ours[::-1]
    assert {each.tenant for each in page.jobs} == {"ours"}
    labelled = await jobs.front.find(JobQuery(tenant="theirs", labels={"x": "1"}))
    assert labelled.jobs == []
    for tenant, ids in (("default", [old]), (None, [old, *theirs[::-1], *ours[::-1]]), ("nobody", [])):
        assert [each.id for each in (await jobs.front.find(JobQuery(tenant=tenant))).jobs] == ids


async def test_a_cursor_of_another_leads_to_none_of_its_jobs(jobs: Jobs):
    ours = [await made(jobs, tenant="ours") for _ in range(4)]
    await made(jobs, tenant="theirs")
    cursor = (await jobs.front.find(JobQuery(tenant="ours", limit=1))).next_cursor
    assert cursor is not None
    found = await jobs.front.find(JobQuery(tenant="theirs", cursor=cursor))
    assert not {each.id for each in found.jobs} & set(ours)


async def test_a_tenant_finds_its_own_dead(jobs: Jobs):
    ours, theirs = (
        await made(jobs, tenant="ours", max_attempts=1),
        await made(jobs, tenant="theirs", max_attempts=1),
    )
    for job_id in (ours, theirs):
        await end(jobs, job_id, "poisoned")
    assert [each.id for each in (await jobs.front.dead(10, tenant="ours")).jobs] == [ours]
    assert [each.id for each in (await jobs.front.dead(10)).jobs] == [theirs, ours]
    await jobs.front.revived(ours)
    assert (await jobs.front.dead(10, tenant="ours")).jobs == []
    assert [each.id for each in (await jobs.front.dead(10, tenant="theirs")).jobs] == [theirs]


async def test_an_id_that_another_tenant_took_is_taken(jobs: Jobs):
    job_id = await made(jobs, tenant="ours", fingerprint="@ours:one")
    with pytest.raises(JobConflict):
        await made(jobs, id=job_id, tenant="theirs", fingerprint="@theirs:one")
