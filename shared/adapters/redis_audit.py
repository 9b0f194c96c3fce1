"""The audit log as a stream of Redis, and one more for each tenant, so that a page costs the same for all."""

import re
from collections.abc import Mapping, Sequence

from shared.adapters.redis_connection import AsyncRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.audit import AuditEntry, KeptEntry
from shared.circuit import Circuit
from shared.settings import Settings

_ID = re.compile(r"\d{1,18}-\d{1,18}\Z")

# It is bounded: a full memory is no reason to forget who filled it.
_APPEND = Script.of(
    ALLOW_OOM
    + """
local all, kept, kept_ms = ARGV[1], ARGV[2], ARGV[3]
local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 - kept_ms)
local written = {}
local function keep(key, entry)
  redis.call('XADD', key, 'MAXLEN', '~', kept, '*', 'e', entry)
  written[key] = true
end
for i = 4, #ARGV, 2 do
  keep(all, ARGV[i + 1])
  keep(all .. ':of:' .. ARGV[i], ARGV[i + 1])
end
for key in pairs(written) do
  redis.call('XTRIM', key, 'MINID', '~', oldest)
  redis.call('PEXPIRE', key, kept_ms)
end
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
        told = [part for entry in entries for part in (entry.tenant, entry.model_dump_json())]
        kept_ms = max(1, round(self._settings.kept_s * 1000))
        await self._redis.run(_APPEND, self._key, self._settings.kept, kept_ms, *told)

    async def newest(
        self, limit: int, before: str | None = None, tenant: str | None = None
    ) -> list[KeptEntry]:
        """See the port."""
        if before is not None and not _ID.match(before):
            msg = "not the id of an entry"
            raise ValueError(msg)
        end = "+" if before is None else f"({before}"
        key = self._key if tenant is None else f"{self._key}:of:{tenant}"
        found = await self._redis.command("XREVRANGE", key, end, "-", "COUNT", limit)
        return [_read(entry_id, fields) for entry_id, fields in found]

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()


def _read(entry_id: bytes, fields: Mapping[bytes, bytes]) -> KeptEntry:
    entry = AuditEntry.model_validate_json(fields[b"e"])
    return KeptEntry(**entry.model_dump(), id=entry_id.decode())
