"""Receivers of webhooks fail, hang, are gone or point elsewhere; the worker that delivers is killed meanwhile."""

import asyncio

from tests.faults.caller import Refused
from tests.faults.field import until
from tests.faults.ledger import Line
from tests.faults.receiver import Receiver
from tests.faults.row import Row, Spec

_PATHS = ("ok", "fail2", "slow", "redirect", "ok")
_TRIES = {"ok": 1, "fail2": 3, "slow": 2}


async def run(row: Row) -> None:
    jobs = row.field.scale.pick(25, 200)
    _, io = await row.field.crew("cpu", "io", slots=4)
    row.injected = "receivers: 500, hang, 410, redirect inside; kill -9 of the delivering worker"
    row.load = f"{jobs} jobs with callback_url"
    with Receiver(row.name, row.field.pen) as receiver:

        async def submit(number: int) -> str:
            url = receiver.url(_PATHS[number % len(_PATHS)])
            return await row.caller.submit(sleep_ms=1, fields={"callback_url": url})

        loading = asyncio.create_task(row.caller.many(jobs, submit, per_s=30))
        await until(lambda: len(_hooks(row)) > jobs // 4, 60, "some are delivered")
        await asyncio.to_thread(io.kill_tree)
        row.field.workers.remove(io)
        sent = await loading
        await row.field.until_works(row.field.spawn_worker("io"))
        gone = await row.caller.many(
            5, lambda _: row.caller.submit(sleep_ms=1, fields={"callback_url": receiver.url("gone")})
        )
        await _forbidden(row, receiver)
        await row.caller.drain(60)
        wanted = {job for number, job in enumerate(sent) if _PATHS[number % len(_PATHS)] in _TRIES}
        await until(lambda: wanted <= _delivered(row), 60, "all are delivered", every_s=0.3)
        await until(lambda: len({line["job"] for line in _hooks(row, "gone")}) == len(gone), 60, "410 is answered")
        await asyncio.sleep(2.0)  # for tries that mustn't be made
    _judge(row, wanted, len(gone))


def _hooks(row: Row, *paths: str) -> list[Line]:
    return [line for line in row.field.ledger.lines(row.name, "hook") if not paths or line["path"] in paths]


def _delivered(row: Row) -> set[str]:
    return {line["job"] for line in _hooks(row) if line["status"] in {200, 204}}


async def _forbidden(row: Row, receiver: Receiver) -> None:
    """An address nobody allowed: refused now or never called."""
    try:
        await row.caller.submit(sleep_ms=1, fields={"callback_url": receiver.url("ok", host=1)})
    except Refused as refused:
        row.figure(f"a private address is refused with {refused.status}")
        row.check(refused.status == 422, f"a private address is refused with {refused.status}")


def _judge(row: Row, wanted: set[str], gone: int) -> None:
    hooks, tally = _hooks(row), row.kept()
    row.none(wanted - _delivered(row), "not delivered")
    row.check(all(line["signed"] for line in hooks), "a message isn't signed as it should be")
    ids = {(line["job"], line["message"]) for line in hooks}
    row.none({job for job, _ in ids if sum(1 for other, _ in ids if other == job) > 1}, "with several ids")
    row.none({line["job"] for line in _hooks(row, "inside")}, "redirects followed")
    row.none({line["job"] for line in hooks if line["host"] != "127.0.0.1"}, "private addresses called")
    told = {line["job"]: line["state"] for line in hooks}
    wrong = {job for job, state in told.items() if job not in tally.in_state(state)}
    row.none(wrong, "that tell another end")
    tries = len(_hooks(row, "gone"))
    row.figure(f"{tries} tries at {gone} receivers that are gone")
    row.check(tries == gone, f"{tries} tries at {gone} receivers that are gone")
    expected = sum(
        _TRIES[line["path"]] for line in {line["message"]: line for line in _hooks(row, *_TRIES)}.values()
    )
    made = len(_hooks(row, *_TRIES))
    row.figure(f"{made} tries where {expected} were needed")


SPEC = Spec("F25", "each delivered, signed, with one id; 410 ends it; no redirect followed inwards", run)
