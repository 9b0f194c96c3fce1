"""Valkey is away, or silent, while clients submit with keys and try again."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine

from tests.faults.field import until
from tests.faults.ledger import Line
from tests.faults.row import Row, Spec, percentile

_CLIENTS = 20


async def down(row: Row) -> None:
    """F6."""
    for_s = row.field.scale.pick(6.0, 30.0)
    row.injected = f"Valkey killed, back {for_s:g} s later"
    store = row.field.store

    async def fault() -> None:
        assert store.process
        store.process.kill()
        await _met(row, for_s)
        await row.field.start_valkey(store)

    await _under(row, fault)


async def silent(row: Row) -> None:
    """F7."""
    for_s = row.field.scale.pick(6.0, 20.0)
    row.injected = f"Valkey stopped (SIGSTOP) for {for_s:g} s"

    async def fault() -> None:
        process = row.field.store.process
        assert process
        process.send_signal(signal.SIGSTOP)
        await _met(row, for_s)
        process.send_signal(signal.SIGCONT)

    await _under(row, fault)


async def _met(row: Row, for_s: float) -> None:
    """That long, and until a client was told."""
    await asyncio.sleep(for_s)
    await until(lambda: _refusals(row), 60, "a submit meets the fault")


def _refusals(row: Row) -> list[Line]:
    return [line for line in row.field.ledger.lines(row.name, "answer") if line["status"] not in {200, 202}]


async def _under(row: Row, fault: Callable[[], Coroutine[None, None, None]]) -> None:
    jobs = row.field.scale.pick(100, 1_000 if row.name == "F6" else 200)
    await row.field.crew("cpu", slots=4)
    row.load = f"{jobs} keys from {_CLIENTS} clients that repeat"
    await row.caller.submit(sleep_ms=1)
    await row.field.until_kept()  # what isn't on its disk yet, a killed server may lose: that is F5's affair
    begun = time.monotonic()
    watching = asyncio.create_task(_health(row))
    faulting = asyncio.create_task(fault())
    await asyncio.sleep(0.2)

    async def submit(number: int) -> None:
        await row.caller.submit(key=f"{row.name}-{number}", sleep_ms=5)

    await row.caller.many(jobs, submit, at_once=_CLIENTS)
    await faulting
    over = time.monotonic()
    watching.cancel()
    await row.caller.drain(60)
    _judge(row, jobs + 1, begun, over)


async def _health(row: Row) -> None:
    """Writes down what liveness and readiness say."""
    while True:
        for which in ("live", "ready"):
            answer = await row.caller.ask("GET", f"/health/{which}", timeout=5)
            row.field.pen.note("health", row=row.name, which=which, status=answer.status_code if answer else 0)
        await asyncio.sleep(0.4)


def _judge(row: Row, jobs: int, begun: float, over: float) -> None:
    tally = row.kept()
    executed = len(tally.starts)
    row.figure(f"{len(tally.accepted)} jobs for {jobs} keys, {executed} executed")
    row.check(
        len(tally.accepted) == executed == jobs, f"{len(tally.accepted)} jobs, {executed} executed of {jobs}"
    )
    answers = [a for a in row.field.ledger.lines(row.name, "answer") if begun <= a["mono"] <= over]
    # A connection that the gateway closes when it was idle may meet a request on its way: whoever has a key repeats it.
    broken = [a for a in answers if a["status"] == 0]
    row.check(len(broken) <= jobs / 50, f"{len(broken)} requests without an answer")
    refused = [a for a in answers if a["status"] not in {0, 200, 202}]
    row.check(refused, "the fault met no submit")
    other = {(a["status"], a["said"]) for a in refused if a["status"] != 503 or not a["said"]}
    row.check(not other, f"answers other than 503 with Retry-After: {sorted(map(str, other))}")
    p99 = percentile([a["ms"] for a in refused], 0.99)
    slowest, limit = max((a["ms"] for a in refused), default=0), row.field.scale.pick(5_000, 1_000)
    row.figure(f"{len(refused)} x 503, p99 {p99:.0f} ms, slowest {slowest:.0f}, limit {limit} ms")
    row.check(p99 <= limit, f"p99 of refusals {p99:.0f} ms")
    said = {(line["which"], line["status"]) for line in row.field.ledger.lines(row.name, "health")}
    row.check(("ready", 503) in said, f"readiness never went down: {sorted(said)}")
    row.check({status for which, status in said if which == "live"} == {200}, f"liveness: {sorted(said)}")


F6 = Spec(
    "F6",
    "503 + Retry-After, p99 <= 1 s (short form, on a busy machine: 5 s); afterwards one job for each key",
    down,
)
F7 = Spec("F7", "as F6; not ready, but alive", silent)
