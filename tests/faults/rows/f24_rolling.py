"""Workers and gateways are replaced one after the other under load."""

import asyncio
import signal
import time
from dataclasses import dataclass

from websockets.asyncio.client import connect

from tests.faults.field import until
from tests.faults.members import Member
from tests.faults.row import Row, Spec

_EXIT_S = 30.0
_WELL = {0, -signal.SIGTERM}
"""Statuses of an orderly end: uvicorn ends by the signal that it was told to stop with."""


@dataclass
class _Exits:
    """``slowest_s``: of all that were told to stop."""

    slowest_s: float = 0.0
    bad: int = 0


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    rounds, jobs, long_s = pick(2, 5), pick(80, 300), pick(5, 20)
    await row.field.crew("cpu", "cpu", slots=8)
    await row.field.start_gateway()
    row.injected = f"SIGTERM of a worker and a gateway, {rounds} rounds"
    row.load = f"{jobs} jobs of 20-300 ms, and of {long_s} s one at least on each worker that is stopped"
    exits, over = _Exits(), asyncio.Event()
    loading = asyncio.create_task(_load(row, jobs, over))
    for _ in range(rounds):
        await _roll_worker(row, exits, long_s)
        await _roll_gateway(row, exits)
    over.set()
    sent = await loading
    await row.caller.drain(long_s + 60)
    await row.field.drop(row.field.gateways[-1])
    tally = row.kept()
    row.none(tally.accepted - tally.in_state("COMPLETED"), "not done")
    row.figure(f"{sent} short jobs, {tally.extra} handed back; exits <= {exits.slowest_s:.1f} s")
    row.check(not exits.bad, f"{exits.bad} didn't end well within {_EXIT_S:.0f} s")
    costly = {job for job, lines in tally.starts.items() for line in lines if line["attempt"]}
    row.none(costly, "jobs that it cost an attempt")
    row.check(tally.extra, "nothing was handed back")


async def _load(row: Row, jobs: int, over: asyncio.Event) -> int:
    """At least so many jobs, and on and on until it is over."""
    sent = 0
    while sent < jobs or not over.is_set():
        await row.caller.many(10, lambda _: row.caller.submit(sleep_ms=row.chance.randrange(20, 300)), per_s=20)
        sent += 10
    return sent


async def _roll_worker(row: Row, exits: _Exits, long_s: int) -> None:
    old = row.field.workers[0]
    new = row.field.spawn_worker("cpu", slots=8)
    await row.field.until_works(new)
    await _occupy(row, old, long_s)
    await _stop(old, exits)
    row.field.workers.remove(old)


async def _occupy(row: Row, worker: Member, long_s: int) -> None:
    """Submit long jobs until this worker has one."""
    pids = {process.pid for process in worker.tree()}
    long: set[str] = set()
    while not long & {job for job, _ in row.unfinished(pids)}:
        long.add(await row.caller.submit(sleep_ms=long_s * 1000))
        await until(lambda: long <= row.tally.starts.keys(), 60, "long ones run")


async def _roll_gateway(row: Row, exits: _Exits) -> None:
    """A socket is told; a request under way is answered."""
    old = row.field.gateways[0]
    await row.field.start_gateway()
    url = row.field.url_of(old)
    async with connect(url.replace("http", "ws") + "/api/v1/ws/events", proxy=None) as socket:
        spec = row.caller.spec({"sleep_ms": 1_000, "row": f"{row.name}-asked"})
        asking = asyncio.create_task(
            row.caller.ask("POST", "/api/v1/jobs", url=url, json=spec, headers={"Prefer": "wait=5"})
        )
        await asyncio.sleep(0.4)
        await _stop(old, exits)
        row.field.gateways.remove(old)
        async for _ in socket:
            """Events until the end."""
    row.check(socket.close_code == 1001, f"a socket was closed with {socket.close_code}")
    answer = await asking
    row.check(answer is not None and answer.status_code in {200, 202}, "a request under way wasn't answered")


async def _stop(member: Member, exits: _Exits) -> None:
    begun = time.monotonic()
    member.terminate()
    status = await asyncio.to_thread(member.ended, _EXIT_S)
    exits.slowest_s = max(exits.slowest_s, time.monotonic() - begun)
    exits.bad += status not in _WELL
    if status is None:
        member.kill_tree()


SPEC = Spec("F24", "0 lost, no attempt used up; answers and 1001; exits <= 30 s", run)
