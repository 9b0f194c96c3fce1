"""What a gateway counts of itself. Its processes share the counts: each keeps its own in a file all can read."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope
from typing_extensions import override

from api.views import PREFIX

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUS = {number: f"{number}xx" for number in range(1, 6)}
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PAGE = os.sysconf("SC_PAGE_SIZE")

disable_created_metrics()  # a third of all lines, which nothing of ours asks for

TEMPLATE = "framelane.template"
OPERATION = "framelane.operation"
"""Where a scope says the template of its path, and the operation, if no route of FastAPI's answers it."""


def share_counts(directory: Path) -> None:
    """Let this process and those it forks count together, in files below ``directory``.

    To be called before there are Meters.
    """
    os.environ[_DIRECTORY] = str(directory)
    values.ValueClass = cast("Any", values).MultiProcessValue()


def forget_process(pid: int) -> None:
    """A process that counted has ended: what it had open isn't any more; what it did stays counted."""
    cast("Any", multiprocess).mark_process_dead(pid)


class Meters:
    """The figures of one application; their names begin with ``framelane_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Histogram(
            "framelane_http_request_seconds",
            "From a request to the first byte of its answer, by the route's template.",
            ["route", "method", "status"],
            registry=self.registry,
            buckets=_BUCKETS_S,
        )
        self._accepted = Counter(
            "framelane_jobs_accepted", "Jobs that were accepted.", ["kind", "lane"], registry=self.registry
        )
        self._cancelled = Counter(
            "framelane_jobs_cancelled_waiting",
            "Jobs that were cancelled before a worker had them.",
            ["kind", "lane"],
            registry=self.registry,
        )
        self.sockets = self._open("framelane_websocket_clients", "Open WebSockets.")
        self.followers = self._open("framelane_followers", "Who follows jobs: WebSockets, event streams, waiters.")
        self.sessions = self._open("framelane_live_sessions", "Live sessions with a socket here.")
        self._resident = self._open("framelane_gateway_resident_bytes", "Memory of the gateway's processes.")
        self._processor = Counter(
            "framelane_gateway_cpu_seconds", "Processor time of the gateway's processes.", registry=self.registry
        )
        self._processor_before = 0.0
        self._lost = Counter(
            "framelane_attempts_lost", "Attempts that were found without a live worker.", registry=self.registry
        )
        self._answered: dict[tuple[object, str, int], Histogram] = {}

    def answered(self, scope: Scope, status: int, took_s: float) -> None:
        """The answer to a request begins."""
        # Routes live as long as the application, so their own names needn't be made for every request.
        key = (id(scope.get("route")) if "route" in scope else scope.get(TEMPLATE), scope["method"], status // 100)
        one = self._answered.get(key)
        if one is None:
            one = self._answers.labels(template(scope), _method(scope), _STATUS.get(status // 100, "other"))
            if scope["method"] in _METHODS:
                self._answered[key] = one
        one.observe(took_s)

    def accepted(self, kind: str, lane: str) -> None:
        """A job was kept and queued."""
        self._accepted.labels(kind, lane).inc()

    def cancelled(self, kind: str, lane: str) -> None:
        """A job ended that no worker had."""
        self._cancelled.labels(kind, lane).inc()

    def lost(self) -> None:
        """An attempt's lease lapsed."""
        self._lost.inc()

    def look(self, followers: int, sessions: int) -> None:
        """What this process holds now."""
        self.followers.set(followers)
        self.sessions.set(sessions)
        self._resident.set(_resident_bytes())
        used = time.process_time()
        self._processor.inc(max(used - self._processor_before, 0.0))
        self._processor_before = used

    def text(self, more: Iterable[Metric] = ()) -> bytes:
        """All figures in Prometheus' text format, of all processes that count together; ``more`` at their end."""
        own: Collector = self.registry
        if directory := os.environ.get(_DIRECTORY):
            own = MultiProcessCollector(None, directory)
        return generate_latest(_registry(own)) + generate_latest(_registry(_Given(more)))

    def _open(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, registry=self.registry, multiprocess_mode="livesum")


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    @override
    def collect(self) -> Iterable[Metric]:
        return self._families


def template(scope: Scope) -> str:
    """Of the route that answers the request; ``other`` if none does."""
    route = scope.get("route")
    if route is None:
        return scope.get(TEMPLATE, "other")
    # An included router's routes don't know their prefix.
    prefixed = scope["path"].startswith(PREFIX) and not route.path.startswith(PREFIX)
    return f"{PREFIX}{route.path}" if prefixed else route.path


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _registry(collector: Collector) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(collector)
    return made


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
