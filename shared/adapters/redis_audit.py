"""The audit log as a stream of Redis."""

import re
from collections.abc import Mapping, Sequence

from shared.adapters.redis_connection import AsyncRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.audit import AuditEntry, KeptEntry
from shared.circuit import Circuit
from shared.settings import Settings

_ID = re.compile(r"\d{1,18}-\d{1,18}\Z")
_LOOKED_AT = 1_000
"""Entries read at once where one tenant's are sought among all."""

# It is bounded: a full memory is no reason to forget who filled it.
_APPEND = Script.of(
    ALLOW_OOM
    + """
local key, kept, kept_ms = ARGV[1], ARGV[2], ARGV[3]
for i = 4, #ARGV do
  redis.call('XADD', key, 'MAXLEN', '~', kept, '*', 'e', ARGV[i])
end
local now = redis.call('TIME')
redis.call('XTRIM', key, 'MINID', '~', string.format('%.0f', now[1] * 1000 - kept_ms))
"""
)


class RedisAuditLog:
    """AuditLog on Redis. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._key = f"{settings.redis.prefix}:audit"
        self._settings = settings.audit
        self._redis = AsyncRedis(settings, circuit)

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """See the port."""
        told = [entry.model_dump_json() for entry in entries]
        await self._redis.run(_APPEND, self._key, self._settings.kept, round(self._settings.kept_s * 1000), *told)

    async def newest(self, limit: int, before: str | None = None, tenant: str | None = None) -> list[KeptEntry]:
        """See the port."""
        if before is not None and not _ID.match(before):
            msg = "not the id of an entry"
            raise ValueError(msg)
        if tenant is None:
            return [_read(*each) for each in await self._before(before, limit)]
        found: list[KeptEntry] = []
        while len(found) < limit and (some := await self._before(before, _LOOKED_AT)):
            told = [_read(*each) for each in some if _may_be_of(tenant, each[1])]
            found += [each for each in told if each.tenant == tenant]
            before = some[-1][0].decode()
        return found[:limit]

    async def _before(self, end: str | None, limit: int) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        last = "+" if end is None else f"({end}"
        return await self._redis.command("XREVRANGE", self._key, last, "-", "COUNT", limit)

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()


def _may_be_of(tenant: str, fields: Mapping[bytes, bytes]) -> bool:
    """Quicker than reading the entry, and never wrong about one that is."""
    return f'"tenant":"{tenant}"'.encode() in fields[b"e"]


def _read(entry_id: bytes, fields: Mapping[bytes, bytes]) -> KeptEntry:
    entry = AuditEntry.model_validate_json(fields[b"e"])
    return KeptEntry(**entry.model_dump(), id=entry_id.decode())
