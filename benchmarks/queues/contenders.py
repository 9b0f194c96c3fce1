"""The queues that take part, and how each is started."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import python_of

APPS = Path(__file__).parent / "apps"
_REQUIREMENTS = Path(__file__).parent / "requirements"


@dataclass(frozen=True, slots=True)
class Queue:
    """``setting``: what its program is told. ``pinned`` False: it runs in our environment."""

    name: str
    title: str
    worker: Callable[[Path], Sequence[str]]
    setting: str = ""
    record: str = "message"
    pinned: bool = True

    @property
    def product(self) -> str:
        """Its program and its pins are called so."""
        return self.name.partition("-")[0]

    def python(self) -> Path:
        """Its interpreter; installs what it needs. Raises NotInstalled."""
        return python_of(_REQUIREMENTS / f"{self.product}.txt") if self.pinned else Path(sys.executable)

    def submitter(self, python: Path) -> Sequence[str]:
        """The program that hands in."""
        return [str(python), f"{self.product}_app.py"]


def _module(*words: str) -> Callable[[Path], Sequence[str]]:
    return lambda python: [str(python), "-m", *words]


def _celery(pool: str) -> Callable[[Path], Sequence[str]]:
    return _module("celery", "-A", "celery_app", "worker", "-P", pool, "-c", "2", "-l", "error")


def _rq(kind: str) -> Callable[[Path], Sequence[str]]:
    words = ["worker-pool", "bench", "-n", "2", "--worker-class", kind, "--logging-level", "ERROR", "--url"]
    return lambda python: [str(python.with_name("rq")), *words]


def _ours(python: Path) -> Sequence[str]:
    return [str(python), "framelane_worker.py"]


_RECORD = "record, lease, events"

QUEUES = {
    each.name: each
    for each in (
        Queue("framelane", "Framelane, together", _ours, "together", _RECORD, pinned=False),
        Queue("framelane-alone", "Framelane, a message each", _ours, "alone", _RECORD, pinned=False),
        Queue("celery", "Celery, prefork", _celery("prefork")),
        Queue("celery-threads", "Celery, threads", _celery("threads")),
        Queue(
            "taskiq", "taskiq, list", _module("taskiq", "worker", "--workers", "2", "taskiq_app:broker"), "list"
        ),
        Queue(
            "taskiq-stream",
            "taskiq, stream",
            _module("taskiq", "worker", "--workers", "2", "taskiq_app:broker"),
            "stream",
            "message, acknowledged",
        ),
        Queue("dramatiq", "dramatiq", _module("dramatiq", "dramatiq_app"), record="message, acknowledged"),
        Queue("rq", "RQ, a process a job", _rq("rq.worker.Worker"), record="record"),
        Queue("rq-simple", "RQ, SimpleWorker", _rq("rq.worker.SimpleWorker"), record="record"),
    )
}
