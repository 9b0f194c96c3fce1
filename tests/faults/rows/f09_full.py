"""Valkey has no memory left; and one that would throw records away."""

import asyncio
import base64
from typing import Any

import redis

from client.local.embedded import EmbeddedValkey
from tests.faults.caller import Refused
from tests.faults.field import READY_S, leash_of
from tests.faults.members import Member
from tests.faults.row import Row, Spec

_ROWS = 2_000
_BIG = {"tensor": {"shape": [_ROWS, 63], "data": base64.b64encode(bytes(_ROWS * 252)).decode()}}
_ROOM = 6 * 1024 * 1024


async def run(row: Row) -> None:
    await row.field.crew("cpu", slots=4)
    row.injected, row.load = "maxmemory reached; an evicting policy", f"submits of {_ROWS * 252 // 1000} kB"
    with redis.Redis.from_url(row.field.store.url) as valkey:
        try:
            await _fill(row, valkey)
        finally:
            valkey.config_set("maxmemory", 0)
    after = await row.caller.submit(sleep_ms=1)
    await row.caller.drain(60)
    tally = row.kept()
    row.none(tally.accepted - tally.in_state("COMPLETED"), "accepted and not done")
    row.check(after in tally.answers, "no job is done when there is room again")
    await _evicting(row)


async def _fill(row: Row, valkey: Any) -> None:
    waiting = await row.caller.many(8, lambda _: row.caller.submit(sleep_ms=700))
    valkey.config_set("maxmemory", int(valkey.info("memory")["used_memory"]) + _ROOM)
    refusals: list[tuple[int, str | None]] = []
    for _ in range(4 * _ROOM // (_ROWS * 252)):
        try:
            await row.caller.submit(patience_s=0, sleep_ms=1, fields={"inputs": [_BIG]})
        except (TimeoutError, Refused):
            answer = row.field.ledger.lines(row.name, "answer")[-1]
            refusals.append((answer["status"], answer["said"]))
            if len(refusals) >= 5:
                break
    row.figure(f"{len(refusals)} refused with {sorted({status for status, _ in refusals})}")
    row.check(refusals, "memory was never full")
    row.check(all(status == 507 or (status == 503 and said) for status, said in refusals), f"refusals: {refusals}")
    done = await row.caller.drain(60, jobs=waiting)
    row.check(done, "waiting jobs don't end while memory is full")
    evicted = int(valkey.info("stats")["evicted_keys"])
    row.figure(f"{evicted} keys evicted")
    row.check(not evicted, f"{evicted} keys evicted")


async def _evicting(row: Row) -> None:
    """Gateway and worker refuse a Valkey that evicts, and say what to do."""
    field = row.field
    server = EmbeddedValkey(field.folder / "evicting", launcher=leash_of(field.starter))
    await field.start_valkey(server)
    try:
        with redis.Redis.from_url(server.url) as valkey:
            valkey.config_set("maxmemory-policy", "allkeys-lru")
            valkey.config_set("maxmemory", 512 * 1024 * 1024)
        gateway = field.spawn_gateway(REDIS_URL=server.url)
        field.gateways.remove(gateway)
        worker = field.spawn_worker("cpu", REDIS_URL=server.url)
        field.workers.remove(worker)
        await asyncio.gather(_refuses(row, gateway), _refuses(row, worker))
    finally:
        server.stop()


async def _refuses(row: Row, member: Member) -> None:
    status = await asyncio.to_thread(member.ended, READY_S)
    told = member.says("noeviction")
    await asyncio.to_thread(member.kill_tree)
    what = member.name.split("-")[0]
    row.figure(f"{what} with evicting Valkey: {'runs' if status is None else f'ends with {status}'}")
    row.check(status, f"a {what} works with a Valkey that evicts")
    row.check(told, f"a {what} doesn't name the remedy")


SPEC = Spec("F9", "503 or 507; nothing evicted; what was taken ends; an evicting Valkey is refused", run)
