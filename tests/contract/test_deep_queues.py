"""What is done for one job, for a page of the list or for a round of upkeep is the same however many jobs wait."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import redis

from shared.adapters.celery_queue import CeleryJobQueue
from shared.ports import JobQuery, NewJob
from shared.routing import Route
from shared.settings import Settings
from shared.states import JobState
from shared.upkeep import Upkeep
from tests.support.depth import Done, deepen, done_by
from tests.support.jobs import completed, new_job
from tests.support.rigs import Jobs, redis_jobs

SHALLOW, DEEP = 1_200, 12_000
"""A page looks at 1,000 jobs at most: with fewer it would look at fewer."""
TIMES_AS_LONG = 4
"""Looking at each job would be ten times."""
SLACK_US = 500
ROUNDS = 8
PAGE = 20

PAGES: Mapping[str, Mapping[str, Any]] = {
    "newest": {},
    "PENDING": {"state": JobState.PENDING},
    "RUNNING": {"state": JobState.RUNNING},
    "COMPLETED": {"state": JobState.COMPLETED},
    "FAILED": {"state": JobState.FAILED},
    "of a device": {"state": JobState.RUNNING, "device": "CPU"},
    "of a kind that is rare": {"kind": "pipeline"},
    "with a label that is rare": {"labels": {"rare": "yes"}},
}
CALLS = [
    "a life",
    "a round of upkeep",
    *(f"a page: {name}" for name in PAGES),
    *("dead", "get", "seqs", "backlog", "events", "waiting lanes", "outlived"),
]


def waiting(queue: CeleryJobQueue, **fields) -> NewJob:
    """A job that comes with its message."""
    job_id = str(uuid.uuid4())
    message = queue.envelope(Route("framelane.inference", "cpu", 5), job_id, {})
    return new_job(id=job_id, message=message, **fields)


async def a_life(jobs: Jobs, queue: CeleryJobQueue) -> None:
    new = waiting(queue, group="g")
    await jobs.front.create(new)
    (claim,) = jobs.workshop.claim_ready("5:cpu:g", "w", 10)
    assert claim.job_id == new.id
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED


def calls(jobs: Jobs, queue: CeleryJobQueue, one: str) -> dict[str, Callable[[], Any]]:
    upkeep = Upkeep(jobs.workshop, queue, resend_s=1_000, retry_base_s=1, ageing_s=1_000)
    pages = {
        f"a page: {name}": lambda filters=filters: jobs.front.find(JobQuery(limit=PAGE, **filters))
        for name, filters in PAGES.items()
    }
    return pages | {
        "a life": lambda: a_life(jobs, queue),
        "a round of upkeep": upkeep.tend,
        "dead": lambda: jobs.front.dead(PAGE),
        "get": lambda: jobs.front.get(one),
        "seqs": lambda: jobs.front.seqs([one]),
        "backlog": jobs.front.backlog,
        "events": lambda: jobs.front.events(one, 0),
        "waiting lanes": lambda: jobs.workshop.waiting_lanes(0),
        "outlived": jobs.workshop.outlived,
    }


async def measured(
    jobs: Jobs, queue: CeleryJobQueue, client: redis.Redis, settings: Settings
) -> list[dict[str, Done]]:
    """Of all calls when few jobs wait, and when many do."""
    first, later = waiting(queue), waiting(queue, expires_s=1_000)
    await jobs.front.create(first)
    await jobs.front.create(later)
    assert jobs.workshop.claim(later.id, "w", 1_000) is not None, "it overtakes the others"
    for _ in range(PAGE + 1):
        await a_life(jobs, queue)
    jobs.advance(2)  # now they have waited long
    found: list[dict[str, Done]] = []
    for begin, end in ((1, SHALLOW), (SHALLOW + 1, DEEP)):
        deepen(client, settings, first.id, begin, end)
        took: dict[str, list[Done]] = {}
        for _ in range(ROUNDS):
            for name, call in calls(jobs, queue, first.id).items():
                took.setdefault(name, []).append(await done_by(client, call))
        # The first of each only warmed up.
        found.append(
            {
                name: Done(min(d.commands for d in some[1:]), min(d.usec for d in some[1:]))
                for name, some in took.items()
            }
        )
    assert (await jobs.front.backlog())["cpu"].depth == DEEP + 1
    await jobs.front.close()
    return found


@pytest.fixture(scope="module")
def costs(module_settings: Settings) -> list[dict[str, Done]]:
    jobs, queue = redis_jobs(module_settings), CeleryJobQueue(module_settings)
    with redis.Redis.from_url(module_settings.store_url) as client:
        found = asyncio.run(measured(jobs, queue, client, module_settings))
    jobs.workshop.close()
    queue.close()
    return found


@pytest.mark.parametrize("call", CALLS)
def test_it_costs_the_same(costs: list[dict[str, Done]], call: str):
    few, many = (each[call] for each in costs)
    assert many.commands == few.commands
    assert many.usec < few.usec * TIMES_AS_LONG + SLACK_US


@pytest.fixture
def queue(settings: Settings) -> Iterator[CeleryJobQueue]:
    queue = CeleryJobQueue(settings)
    yield queue
    queue.close()


async def test_messages_that_age_are_looked_at_by_the_thousand(settings: Settings, queue: CeleryJobQueue):
    message = waiting(queue).message
    assert message is not None
    found: list[Done] = []
    with redis.Redis.from_url(settings.store_url) as client:
        for many in (SHALLOW, DEEP):
            client.lpush(
                message.key, *(b"%08d" % number + message.body for number in range(client.llen(message.key), many))
            )
            assert queue.age("cpu", 0) + queue.age("cpu", 0) > 0
            took = [await done_by(client, lambda: queue.age("cpu", 0)) for _ in range(ROUNDS)]
            found.append(min(took, key=lambda done: done.usec))
        assert found[1].usec < found[0].usec * TIMES_AS_LONG + SLACK_US


async def test_what_waits_long_goes_up_from_a_long_queue_too(settings: Settings, queue: CeleryJobQueue):
    low, top = (queue.envelope(Route("framelane.inference", "cpu", number), "a", {}) for number in (8, 9))
    assert low is not None
    assert top is not None
    went_up: list[bytes] = []
    with redis.Redis.from_url(settings.store_url) as client:
        client.lpush(low.key, *(b"%d" % number for number in range(2_500)))
        for _ in range(20):
            queue.age("cpu", 0, limit=200)
            went_up += client.rpop(top.key, 1_000) or []
    assert went_up == [b"%d" % number for number in range(len(went_up))], "in their order"
    assert len(went_up) == 2_500
