"""What every job store promises of the work of lost attempts."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import StaleClaim
from shared.settings import Settings
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, memory_jobs, redis_jobs


@pytest.fixture(params=["memory", "redis"])
async def jobs(request: pytest.FixtureRequest) -> AsyncIterator[Jobs]:
    if request.param == "memory":
        rig = memory_jobs()
    else:
        settings: Settings = request.getfixturevalue("settings")
        rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


async def test_the_next_attempt_finds_what_the_lost_one_kept(jobs: Jobs):
    await jobs.front.create(new_job(id="a"))
    lost = jobs.workshop.claim("a", "host:1", 10)
    assert lost is not None
    assert jobs.workshop.checkpoint(lost) == ""
    assert jobs.workshop.checkpoint(lost, '{"é": 1}') == '{"é": 1}'
    assert jobs.workshop.checkpoint(lost) == '{"é": 1}'

    jobs.workshop.give_up("a", lost.fence, "host:1", ERROR)
    following = jobs.workshop.claim("a", "host:2", 10)
    assert following is not None
    assert jobs.workshop.checkpoint(following) == '{"é": 1}'
    with pytest.raises(StaleClaim):
        jobs.workshop.checkpoint(lost, "late")
    assert jobs.workshop.checkpoint(following, "more") == "more"


async def test_an_ended_job_keeps_none(jobs: Jobs):
    await jobs.front.create(new_job(id="a"))
    claim = jobs.workshop.claim("a", "host:1", 10)
    assert claim is not None
    jobs.workshop.checkpoint(claim, "so far")
    jobs.workshop.settle(claim, completed())
    with pytest.raises(StaleClaim):
        jobs.workshop.checkpoint(claim)
