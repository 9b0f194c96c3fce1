"""Recorded sessions: what was answered goes into files, also of sessions whose gateway is gone."""

import asyncio
import re
from contextlib import suppress

import structlog
from anyio import CapacityLimiter, to_thread

from api.callers import told_session
from shared.errors import ArtifactNotFound, FramelaneError
from shared.jobs import ArtifactRef
from shared.ports import ArtifactStore, ObjectInfo
from shared.ports.sessions import RecordPart, SessionStore
from shared.session_errors import SessionNotFound
from shared.sessions import part_name, record_key

EVERY_S = 1.0
_LINES = "application/jsonl"
_NAME = re.compile(r"results-[0-9]{8}\.jsonl\Z")

_log = structlog.stdlib.get_logger()


class SessionRecords:
    """Any gateway may do it, several at once too: the same lines make the same file."""

    def __init__(
        self,
        store: SessionStore,
        artifacts: ArtifactStore,
        threads: CapacityLimiter,
        part_lines: int,
        link_ttl_s: int,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._threads = threads
        self._part_lines = part_lines
        self._link_ttl_s = link_ttl_s

    async def run(self) -> None:
        """Write files until cancelled."""
        while True:
            try:
                await self.round()
            except FramelaneError as error:
                _log.warning("records not written", reason=error.detail)
            except Exception:  # noqa: BLE001  without this task no record of this gateway would be written
                _log.exception("unexpected error while writing records")
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Once: every full part, and what is left of sessions that have ended."""
        for session_id in await self._store.recorded():
            part = await self._store.record_part(session_id, self._part_lines)
            if part.ended or len(part.lines) >= self._part_lines:
                await self._write(session_id, part)
                await self._store.filed(session_id, part)

    async def files(self, session_id: str) -> list[ArtifactRef]:
        """What was written. Raises SessionNotFound where nothing was, nor will be."""
        found = await to_thread.run_sync(self._found, session_id, limiter=self._threads)
        if not found and session_id not in await self._store.recorded():
            says = f"there is no recorded session {told_session(session_id)}; begin one with record=true"
            raise SessionNotFound(says)
        return [_reference(each) for each in found]

    async def link(self, session_id: str, name: str) -> str:
        """A short-lived URL (or a path below our root) of one file. Raises ArtifactNotFound."""
        if _NAME.match(name):
            with suppress(ArtifactNotFound):  # its words would have the store's own names
                return await to_thread.run_sync(self._link, session_id, name, limiter=self._threads)
        raise ArtifactNotFound(f"the session has no artifact {name[:100]!r}")

    async def _write(self, session_id: str, part: RecordPart) -> None:
        if part.lines:
            key = record_key(session_id, part_name(part.first))
            content = "".join(f"{line}\n" for line in part.lines).encode()
            await to_thread.run_sync(self._artifacts.put_bytes, key, content, _LINES, limiter=self._threads)

    def _found(self, session_id: str) -> list[ObjectInfo]:
        return [self._artifacts.stat(key) for key in self._artifacts.keys(record_key(session_id, ""))]

    def _link(self, session_id: str, name: str) -> str:
        key = record_key(session_id, name)
        self._artifacts.stat(key)
        return self._artifacts.link(key, self._link_ttl_s, name)


def _reference(stored: ObjectInfo) -> ArtifactRef:
    name = stored.key.rpartition("/")[2]
    return ArtifactRef(name=name, size=stored.size, sha256=stored.sha256, media_type=stored.media_type)
