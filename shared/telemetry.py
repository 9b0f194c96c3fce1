"""Logging for every process: structured, with the job, lane and device of the moment bound to each line."""

import logging
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.observing_settings import LogLevel
from shared.settings import LogSettings

_BOUND: ContextVar[Mapping[str, str]] = ContextVar("bound", default={})  # noqa: B039  nobody changes what is in it
"""One variable for all: structlog has one for each name, and every request binds some."""

_SECRETS = ("password", "secret", "authorization", "token", "signature")


_SAY: Any = type("Leveled", (structlog.make_filtering_bound_logger(logging.NOTSET),), {})
"""What every logger is made of, so that a change of its methods is one of all of them.

structlog's own way to change the level later asks for every line that isn't told, which costs thirty times more.
"""

_log = structlog.stdlib.get_logger()


def configure_logging(settings: LogSettings, process: str) -> None:
    """Send structlog's and the standard library's records to stderr in one form; ``process`` names the speaker."""
    pretty = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    chain: list[Processor] = [
        _merge,
        _speaker(process),
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tidy,
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=True)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=_SAY,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    set_level(settings.level)


def set_level(level: LogLevel) -> None:
    """From now on this process logs nothing below it."""
    number = logging.getLevelNamesMapping()[level]
    for name, method in vars(structlog.make_filtering_bound_logger(number)).items():
        if not name.startswith("_"):
            setattr(_SAY, name, method)
    logging.getLogger().setLevel(number)


class FollowedLevel:
    """A process's level: the one that was set for all of its kind, else its ``own``. One per process."""

    def __init__(self, own: LogLevel) -> None:
        self._own: LogLevel = own
        self._now: LogLevel = own

    def heed(self, wanted: LogLevel | None) -> None:
        """Let this level hold; None: the own one."""
        level, before = wanted or self._own, self._now
        if level == before:
            return
        self._now = level
        numbers = logging.getLevelNamesMapping()
        if quieter := numbers[level] > numbers[before]:
            _log.error("log_level_changed", log_level=level, own=self._own)
        set_level(level)
        if not quieter:
            _log.error("log_level_changed", log_level=level, own=self._own)


@contextmanager
def bound(**values: str | None) -> Generator[None]:
    """Every line logged inside carries these values; None ones are left out."""
    before = _BOUND.get()
    given = _BOUND.set({**before, **{name: value for name, value in values.items() if value is not None}})
    try:
        yield
    finally:
        _BOUND.reset(given)


def bind(**values: str) -> None:
    """The same for every line that is logged in this task from now on."""
    _BOUND.set({**_BOUND.get(), **values})


def _merge(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**_BOUND.get(), **event}


def _speaker(process: str) -> Processor:
    # No context variable: threads start with none of them.
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return name


def _tidy(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says the same a second time
    for name in event:
        if any(secret in name.lower() for secret in _SECRETS):
            event[name] = "[redacted]"
    return event
