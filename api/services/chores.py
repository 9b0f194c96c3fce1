"""What a gateway does beside answering, so that it is done while no worker lives."""

import asyncio

import structlog
from anyio import CapacityLimiter, to_thread

from shared.errors import FramelaneError
from shared.upkeep import Upkeep

_log = structlog.stdlib.get_logger()


class Chores:
    """Keeps the jobs going from a thread of its own."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._thread = CapacityLimiter(1)
        self._hindered = ""

    async def run(self) -> None:
        """Round after round, until cancelled. What goes wrong is told once, and doesn't end it."""
        while True:
            hindered = ""
            try:
                # At shutdown nobody waits for a server that doesn't answer.
                await to_thread.run_sync(self._upkeep.round, limiter=self._thread, abandon_on_cancel=True)
            except FramelaneError as error:
                hindered = error.code
            except Exception as error:  # noqa: BLE001  the next round may do better
                hindered = type(error).__name__
                _log.exception("unexpected error during upkeep")
            if hindered != self._hindered:
                _log.warning("upkeep", hindered_by=hindered or None)
            self._hindered = hindered
            await asyncio.sleep(self._upkeep.every_s)
