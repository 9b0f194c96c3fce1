"""An audit log in a list."""

import re
import time
from collections.abc import Sequence

from shared.audit import AuditEntry, KeptEntry
from shared.audit_settings import AuditSettings

_ID = re.compile(r"(\d{1,18})-(\d{1,18})\Z")


class MemoryAuditLog:
    """AuditLog."""

    def __init__(self, settings: AuditSettings | None = None) -> None:
        self._settings = settings or AuditSettings()
        self._kept: list[tuple[float, KeptEntry]] = []
        self._number = 0

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """See the port."""
        now = time.time()
        for entry in entries:
            self._number += 1
            self._kept.append((now, KeptEntry(**entry.model_dump(), id=f"{self._number}-0")))
        since = now - self._settings.kept_s
        self._kept = [each for each in self._kept[-self._settings.kept :] if each[0] >= since]

    async def newest(self, limit: int, before: str | None = None, tenant: str | None = None) -> list[KeptEntry]:
        """See the port."""
        end = None if before is None else checked_place(before)
        own = [kept for _, kept in reversed(self._kept) if tenant in {None, kept.tenant}]
        return [kept for kept in own if end is None or checked_place(kept.id) < end][:limit]

    async def close(self) -> None:
        """Nothing to let go of."""


def checked_place(entry_id: str) -> tuple[int, int]:
    """Where an entry stands. Raises ValueError for what is no id of one."""
    found = _ID.match(entry_id)
    if found is None:
        msg = "not the id of an entry"
        raise ValueError(msg)
    return int(found[1]), int(found[2])
