"""What every audit log promises."""

from collections.abc import AsyncIterator, Callable

import pytest

from shared.adapters.memory.audit import MemoryAuditLog
from shared.adapters.redis_audit import RedisAuditLog
from shared.audit import AuditEntry
from shared.audit_settings import AuditSettings
from shared.ports.audit import AuditLog
from shared.settings import Settings
from tests.support.polling import soon

Make = Callable[[AuditSettings], AuditLog]


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    made: list[AuditLog] = []

    def build(audit: AuditSettings) -> AuditLog:
        if request.param == "memory":
            made.append(MemoryAuditLog(audit))
        else:
            settings: Settings = request.getfixturevalue("settings")
            made.append(RedisAuditLog(settings.model_copy(update={"audit": audit})))
        return made[-1]

    yield build
    for log in made:
        await log.close()


def entry(number: int, tenant: str = "default", target: str = "") -> AuditEntry:
    return AuditEntry(
        at_ms=number,
        who="someone",
        tenant=tenant,
        address="127.0.0.1",
        action="delete_model",
        target=target or f"DELETE /api/v1/models/{number}",
        status=202,
        outcome="done",
        request_id="r",
    )


async def numbers(log: AuditLog, limit: int, before: str | None = None) -> list[int]:
    return [each.at_ms for each in await log.newest(limit, before)]


async def test_the_newest_come_first_page_by_page(make: Make):
    log = make(AuditSettings())
    assert await log.newest(5) == []
    await log.append([entry(number) for number in range(3)])
    await log.append([entry(number) for number in range(3, 7)])
    assert await numbers(log, 100) == [6, 5, 4, 3, 2, 1, 0]
    page = await log.newest(3)
    assert [each.model_dump(exclude={"id"}) for each in page] == [entry(n).model_dump() for n in (6, 5, 4)]
    assert await numbers(log, 3, page[-1].id) == [3, 2, 1]
    for broken in ("", "x", "1", "1-2-3", "+", "(1-1"):
        with pytest.raises(ValueError, match="id"):
            await log.newest(3, broken)


async def test_a_tenant_reads_its_own_page_by_page(make: Make):
    log = make(AuditSettings())
    forged = 'DELETE /x","tenant":"ours","x":"'
    for start in range(0, 2_400, 400):
        await log.append(
            [entry(number, ("ours", "theirs")[number % 400 > 2]) for number in range(start, start + 400)]
        )
    await log.append([entry(5_000, "theirs", forged)])
    assert len(await log.newest(10_000)) == 2_401
    ours = await log.newest(10, tenant="ours")
    assert [each.at_ms for each in ours] == [2002, 2001, 2000, 1602, 1601, 1600, 1202, 1201, 1200, 802]
    rest = await log.newest(10, ours[-1].id, tenant="ours")
    assert [each.at_ms for each in rest] == [801, 800, 402, 401, 400, 2, 1, 0]
    assert {each.tenant for each in (*ours, *rest)} == {"ours"}
    assert await log.newest(10, tenant="our") == []


async def test_it_is_bounded(make: Make):
    log = make(AuditSettings(kept=200))
    for start in range(0, 1_000, 100):
        await log.append([entry(number) for number in range(start, start + 100)])
    kept = await numbers(log, 10_000)
    assert kept[0] == 999
    assert 200 <= len(kept) <= 320, "about as many: a stream is cut in pieces"


async def test_it_forgets(make: Make):
    log = make(AuditSettings(kept_s=0.001))
    await log.append([entry(number) for number in range(300)])

    async def forgotten() -> bool:
        await log.append([entry(300)])
        return 0 not in await numbers(log, 10_000)

    await soon(forgotten)
