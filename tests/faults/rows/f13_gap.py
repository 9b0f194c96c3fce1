"""A gateway is killed between keeping the record and sending the message."""

import asyncio
import signal
import time
import uuid

import redis

from tests.faults.field import PREFIX, until
from tests.faults.row import Row, Spec

_MET = 3
"""Jobs in the gap, at least, when the gateway is killed."""


async def run(row: Row) -> None:
    jobs = row.field.scale.pick(40, 500)
    await row.field.crew("cpu", slots=8)
    row.injected = "broker stopped, so that sending hangs; kill -9 of the gateway; both back"
    row.load = f"{jobs} submits, half of them never repeated"
    # It waits long for the broker, so that on a slow machine too it is killed before it takes records back.
    gateway = await row.field.start_gateway(FRAMELANE_REDIS__ANSWER_S="5")
    for other in row.field.gateways[:-1]:
        await row.field.drop(other)
    await row.caller.submit(sleep_ms=1)  # connections are open
    broker = row.field.broker
    assert broker
    assert broker.process
    ids = [str(uuid.UUID(int=row.chance.getrandbits(128), version=4)) for _ in range(jobs)]
    repeated, left = ids[::2], ids[1::2]
    broker.process.send_signal(signal.SIGSTOP)
    asking = asyncio.create_task(row.caller.many(jobs, lambda n: _put(row, ids[n]), at_once=jobs))
    with redis.Redis.from_url(row.field.store.url) as store:
        keys = [f"{PREFIX}:job:{job}" for job in left]
        await until(lambda: store.exists(*keys) >= _MET, 60, "the first records are kept", every_s=0.01)
    await row.field.drop(gateway)
    broker.process.send_signal(signal.SIGCONT)
    back = time.monotonic()
    answered = {job for job, status in zip(ids, await asking, strict=True) if status in {200, 202}}
    await row.field.start_gateway()
    await row.caller.many(len(repeated), lambda n: _repeat(row, repeated[n]), at_once=20)
    kept = [job for job in left if await _is_kept(row, job)]
    row.figure(f"{len(kept)} kept without an answer, {len(answered)} answered")
    row.check(kept, "the kill met no gap")
    await row.caller.drain(60, jobs=[*repeated, *kept])
    tally = row.kept()
    row.none(answered - set(tally.answers), "answered 202 and lost")
    row.none(set(kept) - set(tally.answers), "kept and never run")
    row.none({job for job in ids if len(tally.starts.get(job, [])) > 1}, "executed twice")
    starts = [tally.starts[job][0]["mono"] - back for job in kept if job in tally.starts]
    row.figure(f"the last one began {max(starts, default=0):.1f} s after the broker was back")
    row.check(max(starts, default=0) <= row.field.scale.at_most(10), "the outbox took too long")


async def _put(row: Row, job: str) -> int:
    answer = await row.caller.ask("PUT", f"/api/v1/jobs/{job}", json=row.caller.spec({"sleep_ms": 5}))
    return answer.status_code if answer is not None else 0


async def _repeat(row: Row, job: str) -> None:
    async def taken() -> bool:
        return await _put(row, job) in {200, 202}

    await until(taken, 60, f"{job} is taken", every_s=0.5)
    row.field.pen.note("accepted", row=row.name, job=job, key=job, status=200)


async def _is_kept(row: Row, job: str) -> bool:
    answer = await row.caller.ask("GET", f"/api/v1/jobs/{job}")
    return answer is not None and answer.status_code == 200


SPEC = Spec("F13", "what was kept is sent <= 10 s later; nothing runs twice", run, frozenset({"broker"}))
