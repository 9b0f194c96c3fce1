"""Looks after those who follow: finds out in the records what nobody told them."""

import asyncio
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from api.hub import Hub
from shared.errors import StoreUnavailable
from shared.ports import JobStore

MOST_AT_ONCE = 500
_ON_THE_WAY_S = 0.05
"""An event younger than this may still be on its way."""

_log = structlog.stdlib.get_logger()


class Lookout:
    """Compares what is known of all followed jobs with their records, every ``every_s`` seconds.

    A published event can be lost, a job deleted, and all records with their server. Who is behind is told GAP and
    reads the record anew; so does who follows a job that isn't there any more, or whose number went back.
    """

    def __init__(self, store: JobStore, hub: Hub, every_s: float) -> None:
        self.records_lost_at: datetime | None = None
        """When it was noticed that the records aren't those of before."""
        self._store = store
        self._hub = hub
        self._every_s = every_s
        self._identity: str | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.look()
            except StoreUnavailable:
                pass  # every request says so too
            except Exception:  # noqa: BLE001  without this task followers could wait for ever
                _log.exception("unexpected error while looking after followers")
            await asyncio.sleep(max(self._every_s / 10, self._every_s - (time.monotonic() - begun)))

    async def look(self) -> None:
        """Look once. Raises StoreUnavailable."""
        await self._recognize()
        known = self._hub.known()
        ids = list(known)
        for start in range(0, len(ids), MOST_AT_ONCE):
            await self._compare({job_id: known[job_id] for job_id in ids[start : start + MOST_AT_ONCE]})

    async def _recognize(self) -> None:
        identity = await self._store.identity()
        if self._identity not in {None, identity}:
            self.records_lost_at = datetime.now(UTC)
            _log.error("records_lost", before=self._identity, now=identity)
        self._identity = identity

    async def _compare(self, known: Mapping[str, int]) -> None:
        seqs = await self._store.seqs(list(known))
        told = 0
        for job_id, before in known.items():
            if seqs.get(job_id, 0) < before:  # gone, or another job by now: a number only rises
                told += self._hub.mend(job_id, sys.maxsize)
        await asyncio.sleep(_ON_THE_WAY_S)
        for job_id, seq in seqs.items():
            told += self._hub.mend(job_id, seq)
        if told:
            _log.info("followers_behind", followers=told)
