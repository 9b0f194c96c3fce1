"""Tells the system that this worker lives, and notices models that others installed."""

import threading
from collections.abc import Callable, Mapping, Sequence

import psutil
import structlog

from shared.errors import Unavailable
from shared.ports import WorkerBeacon
from shared.workers import WorkerInfo
from workers.handlers import Handler
from workers.loops import Loop

log = structlog.stdlib.get_logger()


class Presence:
    """One per process. ``identity`` is what doesn't change about it; ``busy`` counts attempts that run."""

    def __init__(
        self,
        identity: WorkerInfo,
        beacon: WorkerBeacon,
        handlers: Sequence[Handler],
        busy: Callable[[], int],
        heartbeat_s: float,
        *,
        warm: bool = True,
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """``more``: further fields of its information, asked with every heartbeat."""
        self._identity = identity
        self._beacon = beacon
        self._handlers = handlers
        self._busy = busy
        self._ttl_s = 3 * heartbeat_s
        self._warm = warm
        self._more = more
        self._process = psutil.Process()
        self._known: dict[str, str] = {}
        # Longer pauses than the heartbeat's would let a worker seem dead when the store is back.
        self._beat = Loop("heartbeat", heartbeat_s, self.beat, longest_pause_s=heartbeat_s)
        self._watch = Loop("models", heartbeat_s, self.warm_new)
        self._started, self._left = threading.Event(), threading.Event()

    def start(self) -> None:
        """Appear."""
        self._started.set()
        self._beat.start()
        if self._warm:
            self._watch.start()

    def refresh(self) -> None:
        """Say what has changed now, not with the next heartbeat. No-op before the start."""
        if self._started.is_set():
            try:
                self.beat()
            except Unavailable as error:
                log.warning("not_announced", reason=str(error))

    def leave(self) -> None:
        """Disappear at once, not when the heartbeat is missed. Jobs that run may still end. May be repeated."""
        self._left.set()
        self._beat.stop(timeout_s=1.0)
        try:
            self._beacon.withdraw(self._identity.id)
        except Unavailable as error:
            log.warning("not_withdrawn", reason=str(error))

    def stop(self) -> None:
        """Leave, and load no more models."""
        self.leave()
        self._watch.stop()

    def beat(self) -> None:
        """Say once that the worker lives. Raises StoreUnavailable."""
        if not self._left.is_set():
            self._beacon.announce(self.info(), self._ttl_s)

    def info(self) -> WorkerInfo:
        """This worker, now."""
        return self._identity.model_copy(
            update={
                "busy": self._busy(),
                "models": sorted({name for handler in self._handlers for name in handler.loaded()}),
                "runtimes": sorted({name for handler in self._handlers for name in handler.runtimes()}),
                "cpu_percent": self._process.cpu_percent(),
                "rss_bytes": self._process.memory_info().rss,
                **self._more(),
            }
        )

    def warm_first(self) -> None:
        """Before the first job: load what is installed, unless nothing shall be loaded before a job needs it.

        Raises StoreUnavailable.
        """
        if self._warm:
            self.warm_new()

    def warm_new(self) -> None:
        """Load models, and versions of them, that weren't there the last time. Raises StoreUnavailable."""
        models = self._beacon.models()
        new = [model for model in models.values() if self._known.get(model.name) != model.version]
        if new:
            for handler in self._handlers:
                handler.warm(new)
        self._known = {model.name: model.version for model in models.values()}
