"""Brings entries to the audit log, a little after the calls they are about: nobody waits for that."""

import asyncio
from collections import deque

import structlog

from shared.audit import AuditEntry
from shared.errors import StoreUnavailable
from shared.ports.audit import AuditLog

_TOGETHER = 500
_PAUSE_S = 1.0
_LAST_S = 1.0

_log = structlog.stdlib.get_logger()


class Recorder:
    """``most``: entries held while the log doesn't take them; older ones are then written to the process's log."""

    def __init__(self, log: AuditLog, most: int) -> None:
        self._audit = log
        self._most = most
        self._waiting: deque[AuditEntry] = deque()
        self._came = asyncio.Event()

    def note(self, entry: AuditEntry) -> None:
        """Keep it soon."""
        self._waiting.append(entry)
        if len(self._waiting) > self._most:
            _log.error("audit_entry_not_kept", entry=self._waiting.popleft().model_dump())
        self._came.set()

    async def run(self) -> None:
        """Until cancelled; what waits then is brought at once."""
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                await self._bring()
        finally:
            async with asyncio.timeout(_LAST_S):
                await self._last()

    async def _bring(self) -> None:
        while self._waiting:
            try:
                await self._some()
            except StoreUnavailable as error:
                _log.warning("audit_waits", waiting=len(self._waiting), reason=error.title())
                await asyncio.sleep(_PAUSE_S)

    async def _last(self) -> None:
        try:
            while self._waiting:
                await self._some()
        except (StoreUnavailable, TimeoutError):
            for entry in self._waiting:
                _log.error("audit_entry_not_kept", entry=entry.model_dump())

    async def _some(self) -> None:
        batch = [self._waiting[at] for at in range(min(_TOGETHER, len(self._waiting)))]
        await self._audit.append(batch)
        for _ in batch:
            self._waiting.popleft()
