"""Logs as much as was set for all gateways."""

import asyncio

import structlog

from shared.errors import FramelaneError
from shared.log_levels import LogLevels, NewLogLevels
from shared.ports import WorkerDirectory
from shared.settings import LogSettings
from shared.telemetry import FollowedLevel

_LOOK_S = 2.0

_log = structlog.stdlib.get_logger()


class Levels:
    """One per process, which ``run`` keeps at what was set by whatever gateway."""

    def __init__(self, directory: WorkerDirectory, settings: LogSettings) -> None:
        self._directory = directory
        self._level = FollowedLevel(settings.level)

    async def now(self) -> LogLevels:
        """Raises StoreUnavailable."""
        return await self._directory.log_levels()

    async def set(self, wanted: NewLogLevels, who: str) -> LogLevels:
        """Raises StoreUnavailable. ``who`` is logged."""
        levels = await self._directory.set_log_levels(wanted)
        _log.warning("log_levels_set", who=who, **levels.model_dump(mode="json"))
        self._level.heed(levels.gateways)
        return levels

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                self._level.heed((await self.now()).gateways)
            except FramelaneError:
                pass  # every request says so too
            except Exception:  # noqa: BLE001  without this task a level would stay for ever
                _log.exception("unexpected error while looking for the log level")
            await asyncio.sleep(_LOOK_S)
