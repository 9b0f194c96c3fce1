"""How much processes log, set while they run: one level for all gateways, one for all workers. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from shared.inputs import Wire
from shared.observing_settings import LogLevel
from shared.predictions import Answer

_LONGEST_S = 7 * 86_400


class NewLogLevels(Wire):
    """What shall hold from now on. Null: each process's own setting."""

    gateways: LogLevel | None = None
    workers: LogLevel | None = None
    for_s: Annotated[
        float | None,
        Field(ge=1, le=_LONGEST_S, description="then the settings hold again; null: until something else is set"),
    ] = None

    def made(self, now: datetime | None = None) -> "LogLevels":
        """The same, as it is kept."""
        until = None if self.for_s is None else (now or datetime.now(UTC)) + timedelta(seconds=self.for_s)
        return LogLevels(gateways=self.gateways, workers=self.workers, until=until)


class LogLevels(Answer):
    """What holds. Null: each process's own setting; ``until``: when that holds again anyway."""

    gateways: LogLevel | None = None
    workers: LogLevel | None = None
    until: datetime | None = None
