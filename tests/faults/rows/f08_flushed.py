"""The broker loses everything; then the store does."""

import asyncio

import redis

from client.local.embedded import EmbeddedValkey
from tests.faults.field import until
from tests.faults.row import Row, Spec


async def run(row: Row) -> None:
    jobs = row.field.scale.pick(30, 100)
    await row.field.crew("cpu", "cpu", slots=4)
    row.injected = "FLUSHALL of the broker, then of the store"
    row.load = f"{jobs} jobs"
    assert row.field.broker
    await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=500))
    _flush(row.field.broker)
    await row.caller.drain(90)
    tally = row.kept()
    row.figure(f"{tally.executions} executions of {jobs} jobs")
    row.check(tally.executions == jobs, f"{tally.executions} executions of {jobs} jobs")
    await _store(row)


async def _store(row: Row) -> None:
    gone = await row.caller.many(12, lambda _: row.caller.submit(sleep_ms=1_000, tell=False))
    _flush(row.field.store)
    row.field.install_model()
    await until(lambda: row.field.gateways[0].says("records_lost"), 60, "the gateway's log says so")
    told = await row.caller.ask("GET", "/api/v1/status")
    row.check(told is not None and told.json()["records_since"], "the status doesn't say that records were lost")
    answers = await asyncio.gather(*(row.caller.ask("GET", f"/api/v1/jobs/{job}") for job in gone))
    silent = {
        job for job, answer in zip(gone, answers, strict=True) if answer is None or answer.status_code != 404
    }
    row.none(silent, "lost jobs that look as if they were queued")
    later = await row.caller.many(8, lambda _: row.caller.submit(sleep_ms=1))
    await row.caller.drain(60, jobs=later)
    row.none(set(later) - row.tally.in_state("COMPLETED"), "later jobs not done")


def _flush(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()


SPEC = Spec(
    "F8", "broker: all done once; store: status and log tell, nothing looks queued", run, frozenset({"broker"})
)
