"""A real io worker delivers, has sweeps made and does them; with a bad secret it doesn't start."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator

import pytest

from shared.adapters.redis_events import RedisEventBus
from shared.events import JOB_EVENT
from shared.ports import Published
from shared.results import SweepResult
from shared.states import JobState
from tests.support.processes import LIMIT_S, System, WorkerProcess
from tests.support.receiver import receiving, status, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

pytestmark = pytest.mark.service


async def sweep_in(events: AsyncIterator[Published | None]) -> str:
    async with asyncio.timeout(LIMIT_S):
        async for published in events:
            if published and JOB_EVENT.validate_json(published.event).kind == "sweep":
                return published.job_id
    raise AssertionError("the events ended")


async def test_it_delivers_and_sweeps(system: System):
    async with RedisEventBus(system.settings).listen() as events:
        await deliver_and_sweep(system, events)


async def deliver_and_sweep(system: System, events: AsyncIterator[Published | None]) -> None:
    with receiving(status(500), status(204)) as receiver:
        system.start(
            FRAMELANE_CALLBACKS__SECRET=SECRET,
            FRAMELANE_CALLBACKS__PRIVATE_HOSTS=json.dumps(["127.0.0.1"]),
            FRAMELANE_CALLBACKS__FIRST_PAUSE_S="0.2",
            FRAMELANE_JOBS__SWEEP_EVERY_S="1",
        )
        job_id = await system.submit("nobody-knows-it", callback_url=receiver.url)
        job = await system.when(job_id, lambda job: job.terminal)
        first, second = await asyncio.to_thread(receiver.wait_for, 2)

        assert job.state is JobState.FAILED
        assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
        assert verify(SECRET, second.headers, second.body, time.time())
        assert json.loads(second.body)["data"]["outcome"] == job.outcome.model_dump(mode="json")

        swept = await system.ended(await sweep_in(events))
        assert swept.state is JobState.COMPLETED
        assert isinstance(swept.outcome.result, SweepResult)


def test_a_bad_secret_is_told_at_the_start(system: System):
    worker = WorkerProcess(system.env | {"FRAMELANE_CALLBACKS__SECRET": "hidden-secret"}, "--lane", "io")
    assert worker.wait() == os.EX_CONFIG
    reasons = [line["reason"] for line in worker.lines if line["event"] == "worker_cannot_start"]
    assert [reason[:35] for reason in reasons] == ["FRAMELANE_CALLBACKS__SECRET must be"]
    assert "hidden-secret" not in repr(worker.lines)
