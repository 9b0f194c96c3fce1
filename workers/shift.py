"""A worker process from the moment it is ready to its end: Celery in front, our threads beside it."""

import gc
import logging
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import structlog
from celery import Celery, signals

from shared.errors import Unavailable, WorkerLeaves
from workers.consumer import FramelaneConsumer
from workers.deaths import STUCK
from workers.errands import Errand
from workers.intake import Intake
from workers.keeper import Keeper
from workers.outbox import Outbox
from workers.presence import Presence
from workers.pulse import Pulse
from workers.runner import Runner

# Two lines for every job, saying less than ours.
_CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.apps.worker", "kombu", "httpx2")

_NO_NEWS = (
    # Because of pickled messages; ours are JSON only.
    "You're running the worker with superuser privileges",
    # Work goes on when the broker is lost, on purpose: its commit goes through the job store.
    r"\s*In Celery 5\.1 we introduced an optional breaking change",
)
"""Beginnings of warnings about what we chose."""

STORE_PAUSE_S = 0.2
_HAND_BACK_S = 1.5

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Crew:
    """The parts of a worker. ``beside``: what else goes on. ``closers`` are called at the end, in order."""

    runner: Runner
    intake: Intake
    keeper: Keeper
    outbox: Outbox
    presence: Presence
    pulse: Pulse
    beside: Sequence[Errand]
    closers: Sequence[Callable[[], None]]


class Shift:
    """Runs once.

    ``drain_s``: for jobs that run when the worker is asked to stop; then they are given back. ``grace_s``: for
    work to take notice of that; then the process ends with the work still in it.
    """

    def __init__(
        self,
        app: Celery,
        crew: Crew,
        name: str,
        queues: Sequence[str],
        *,
        slots: int,
        drain_s: float,
        grace_s: float,
    ) -> None:
        self._app = app
        self._crew = crew
        self._name = name
        self._queues = queues
        self._slots = slots
        self._drain_s = drain_s
        self._grace_s = grace_s
        self._ended = threading.Event()
        self._leaving = threading.Event()
        self._asked: SimpleQueue[None] = SimpleQueue()

    def run(self) -> int:
        """Work until a signal ends it; the process's exit status."""
        self._begin()
        try:
            return self._work()
        finally:
            self._end()

    def _begin(self) -> None:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        for message in _NO_NEWS:
            warnings.filterwarnings("ignore", message)
        # Celery leaves logging alone if somebody listens here.
        signals.setup_logging.connect(_keep_logging, weak=False)
        signals.worker_ready.connect(self._on_ready, weak=False)
        signals.worker_shutting_down.connect(self._on_stop, weak=False)
        threading.Thread(target=self._drain, name="drain", daemon=True).start()
        crew = self._crew
        crew.pulse.start()
        crew.keeper.start(self._abandon)
        crew.outbox.start()
        for each in crew.beside:
            each.start()
        self._warm_up()
        crew.pulse.ready()

    def _warm_up(self) -> None:
        """Load what is installed before the first job comes; without a store none can come, so wait for it."""
        while True:
            try:
                self._crew.presence.warm_first()
            except Unavailable as error:
                log.warning("warm_up_waits", reason=error.detail)
                self._leaving.wait(STORE_PAUSE_S)
            else:
                # What the libraries have made by now stays: the collector needn't look through it again and again.
                # A photo leaves it two objects: what ctypes.cast gives refers to itself. So it comes often.
                gc.freeze()
                gc.set_threshold(5_000, 10, 5)
                return

    def _work(self) -> int:
        worker: Any = self._app.Worker(
            hostname=self._name,
            pool="threads",
            concurrency=self._slots,
            queues=list(self._queues),
            consumer_cls=FramelaneConsumer,
            without_mingle=True,
            without_gossip=True,
            quiet=True,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _end(self) -> None:
        crew = self._crew
        crew.presence.stop()
        for each in crew.beside:
            each.stop()
        crew.outbox.stop()
        crew.keeper.stop()
        for close in crew.closers:
            close()
        log.info("worker_ended")
        self._ended.set()

    def _on_ready(self, sender: Any, **_said: Any) -> None:
        sender.heed(self._crew.intake, self._queues)
        log.info("worker_ready", worker=self._name, queues=list(self._queues), slots=self._slots)
        self._crew.presence.start()

    def _on_stop(self, **_said: Any) -> None:
        """Runs inside a signal handler, which must not wait for anything.

        Not even for a lock: the code that it interrupts may hold it, as that of a thread's start does. This queue
        alone is made for that.
        """
        self._asked.put(None)

    def _drain(self) -> None:
        self._asked.get()
        self._leaving.set()
        log.info("worker_leaves", drain_s=self._drain_s, busy=self._crew.keeper.busy)
        self._crew.presence.leave()
        if self._ended.wait(self._drain_s):
            return
        log.warning("jobs_given_back", busy=self._crew.keeper.busy)
        self._crew.runner.leave()
        if not self._ended.wait(self._grace_s):
            log.error("work_does_not_end", busy=self._crew.keeper.busy)
            self._end_now(os.EX_SOFTWARE, "the worker was told to stop")

    def _abandon(self) -> None:
        """Work that doesn't stop holds its device, and this process, for ever."""
        self._crew.runner.leave()
        self._end_now(STUCK, "the worker process had to be ended because of a job whose work didn't stop")

    def _end_now(self, status: int, why: str) -> None:
        # On a thread, because the store may not answer: then leases lapse, and messages are found to be lost.
        giving = threading.Thread(target=self._hand_back, args=(why,), daemon=True)
        giving.start()
        giving.join(_HAND_BACK_S)
        os._exit(status)

    def _hand_back(self, why: str) -> None:
        for job in self._crew.keeper.hand_back(WorkerLeaves(why)):
            log.warning("job_handed_back", job_id=job.id)
            self._crew.outbox.publish_after(job, 0.0)
        self._crew.outbox.stop(_HAND_BACK_S)


def _keep_logging(**_said: Any) -> None:
    """Ours stays."""
