"""Traces for OpenTelemetry. Unless a collector is set nothing of it is loaded, and calls cost next to nothing.

A job's context travels as the header ``traceparent`` (W3C Trace Context) with its message and its record.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

from shared.observing_settings import TracingSettings
from shared.spans import Kind, Values

if TYPE_CHECKING:
    from shared.tracing_sdk import Exporter

_SDK = "shared.tracing_sdk"


class NoTracing(Exception):
    """A collector is set, but the libraries that reach it aren't installed."""


class _State:
    exporter: "Exporter | None" = None


def require(settings: TracingSettings) -> None:
    """Raises NoTracing if a collector is set and the libraries that reach it aren't there. Starts nothing."""
    if not settings.endpoint:
        return
    try:
        import_module(_SDK)
    except ImportError as error:
        msg = f"tracing.endpoint is set, which takes framelane[tracing]: {error}"
        raise NoTracing(msg) from error


def begin(settings: TracingSettings, process: str) -> Callable[[], None]:
    """Send spans from now on, if a collector is set; what is returned sends the last ones. Raises NoTracing.

    To be called in the process that makes the spans, not in one that forks it.
    """
    if not settings.endpoint:
        return lambda: None
    require(settings)
    from shared.tracing_sdk import Exporter

    _State.exporter = exporter = Exporter(settings, process)

    def end() -> None:
        _State.exporter = None
        exporter.close()

    return end


def on() -> bool:
    """Whether spans are made."""
    return _State.exporter is not None


@contextmanager
def span(
    name: str,
    kind: Kind = "internal",
    parent: str | None = None,
    values: Values | None = None,
    span_id: int | None = None,
    link: int | None = None,
) -> Generator[None]:
    """What is done inside, as a span. No-op without a collector.

    ``parent``: a ``traceparent``; else whatever span this is inside of. ``span_id``: a number of the caller's own,
    so that others can ``link`` to it in the same trace. An exception marks it as failed.
    """
    if _State.exporter is None:
        yield
    else:
        with _State.exporter.span(name, kind, parent, values or {}, span_id, link):
            yield


def note(values: Values, name: str = "") -> None:
    """More about the span that this is inside of; ``name``: what it is called from now on."""
    if _State.exporter is not None:
        _State.exporter.note(values, name)


def traceparent(otherwise: str | None = None) -> str | None:
    """Of the span that this is inside of; ``otherwise`` if there is none."""
    return (_State.exporter.traceparent() if _State.exporter is not None else None) or otherwise


def attempt_id(job_id: str, attempt: int) -> int:
    """The span of a job's attempt, the same in whatever process it is asked for."""
    return int.from_bytes(sha256(f"{job_id} {attempt}".encode()).digest()[:8]) or 1
