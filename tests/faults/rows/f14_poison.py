"""Jobs that take their worker down, every time, among good ones."""

import asyncio
from typing import Any

from tests.faults.row import Row, Spec

_LIMIT_S = 60.0
_CAUSES = {
    "segv": ("SIGSEGV",),
    "oom": ("SIGKILL", "out of memory"),
    "hang": ("hung", "lease"),
    "exit0": ("status 0",),
}
_LAPSED = "stopped renewing its lease"
_DEAD = "/api/v1/dead"


async def run(row: Row) -> None:
    good = row.field.scale.pick(24, 100)
    await row.field.crew("cpu", "cpu", slots=2)
    row.injected = "bodies that end by SIGSEGV, as by the OOM killer, hang the interpreter, exit with 0"
    batches = [list(_CAUSES)] if row.field.scale.short else [[body] for body in _CAUSES]
    row.load = f"{len(batches)} x ({len(batches[0])} poison + {good} good)"
    poison: dict[str, str] = {}
    fine: list[str] = []
    for bodies in batches:
        await _batch(row, bodies, good, poison, fine)
    tally = row.kept()
    row.none(set(fine) - tally.in_state("COMPLETED"), "good jobs not done")
    row.none(set(poison) - tally.in_state("FAILED", "poison"), "not `poison`")
    starts = {body: len(tally.starts[job]) for job, body in poison.items()}
    row.figure(f"starts {starts}")
    # In company of another an attempt can be lost before its own body began; the last one runs alone.
    fewest = 1 if len(batches[0]) > 1 else 3
    row.check(all(fewest <= number <= 3 for number in starts.values()), f"starts {starts}")
    _waits(row, fine)
    await _causes(row, poison)
    await _return(row, poison)


async def _batch(row: Row, bodies: list[str], good: int, poison: dict[str, str], fine: list[str]) -> None:
    """Poison goes in the middle of the good ones; both are added to."""
    before = await row.caller.many(good // 2, lambda _: row.caller.submit(sleep_ms=50))
    bad = {await row.caller.submit(body=body): body for body in bodies}
    after = await row.caller.many(good - good // 2, lambda _: row.caller.submit(sleep_ms=50))
    poison |= bad
    fine += before + after
    await row.caller.drain(row.field.scale.at_most(_LIMIT_S) + 60)


def _waits(row: Row, fine: list[str]) -> None:
    """From acceptance to first start of good jobs, and from acceptance to quarantine of bad ones."""
    tally = row.tally
    accepted = {line["job"]: line["mono"] for line in row.field.ledger.lines(row.name, "accepted")}
    waits = [tally.starts[job][0]["mono"] - accepted[job] for job in fine if job in tally.starts]
    ended = [tally.answers[job][0]["mono"] - accepted[job] for job in tally.in_state("FAILED", "poison")]
    row.figure(f"good ones waited at most {max(waits, default=0):.1f} s")
    limit_s = row.field.scale.at_most(_LIMIT_S)
    row.check(max(waits, default=0) <= limit_s, f"a good job waited {max(waits, default=0):.1f} s")
    row.figure(f"quarantine after at most {max(ended, default=0):.1f} s")
    row.check(max(ended, default=0) <= limit_s, f"quarantine after {max(ended, default=0):.1f} s")


async def _causes(row: Row, poison: dict[str, str]) -> None:
    """The history of each tells why its last attempt ended."""
    jobs = await row.caller.look()
    for job, body in poison.items():
        told = [(attempt["error"] or {}).get("detail", "") for attempt in jobs[job]["attempts"]]
        # The short form's leases are so short that on a busy machine they may lapse before the coroner has spoken.
        words = (*_CAUSES[body], _LAPSED) if row.field.scale.short else _CAUSES[body]
        named = any(word in told[-1] for word in words)
        row.check(len(told) == 3 and named, f"{body}: causes told: {[detail[:100] for detail in told]}")


async def _return(row: Row, poison: dict[str, str]) -> None:
    """Listed; and once their bodies are mended, brought back one by one and in bulk."""
    listed = {job["id"] for job in (await _answer(row, "GET", f"{_DEAD}?limit=200"))["jobs"]}
    row.none(set(poison) - listed, "not among the dead")
    healed = row.field.folder / "healed"
    healed.touch()
    try:
        first, *_ = poison
        one = (await _answer(row, "POST", f"{_DEAD}/{first}/requeue"))["id"]
        bulk = await _answer(row, "POST", f"{_DEAD}/requeue?label=row:{row.name}&limit=200")
        new = {one, *(entry["job"] for entry in bulk["requeued"])}
        for job in new:
            row.field.pen.note("accepted", row=row.name, job=job, key=job, status=202)
        row.check(len(new) == len(poison), f"{len(new)} of {len(poison)} brought back")
        await row.caller.drain(90)
    finally:
        await asyncio.to_thread(healed.unlink)
    row.none(new - row.tally.in_state("COMPLETED"), "brought back and not done")


async def _answer(row: Row, method: str, path: str) -> Any:
    """Repeated while no worker lives: they have just died of their jobs."""
    for _ in range(60):
        answer = await row.caller.ask(method, path)
        if answer is not None and answer.status_code in {200, 202}:
            return answer.json()
        await asyncio.sleep(0.5)
    raise TimeoutError(path)


SPEC = Spec("F14", "poison after 3 starts, <= 60 s, with causes; good ones done; requeue works", run)
