"""What the jobs of the faults program do: as their labels say. They write their start and their end in the ledger.

Labels: ``sleep_ms``, ``artifact_kb``, and ``body``, one of those below. A bad body behaves once the file ``healed``
lies beside the ledger: somebody mended it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.errors import FramelaneError
from shared.results import GesturePrediction, InferenceResult, InferenceTimings, InstalledModel
from tests.faults.ledger import Pen
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.processes import run_watched

LEDGER = "FAULTS_LEDGER"
_FOR_EVER = 3_600
_CHILD = """
import os, sys, time
os.fork()
with open(sys.argv[1], "a") as file:
    file.write(sys.argv[2].replace("PID", str(os.getpid())) + "\\n")
time.sleep(3600)
"""


def build(_environment: WorkerEnvironment) -> "Probe":
    """The factory that a worker calls."""
    path = Path(os.environ[LEDGER])
    return Probe(Pen(path), path)


class Probe:
    """Handler of inference jobs."""

    def __init__(self, pen: Pen, path: Path) -> None:
        self._pen = pen
        self._path = path

    def run(self, context: JobContext) -> InferenceResult:
        labels = context.task.labels
        about = self._about(context)
        self._pen.note("start", attempt=context.job.attempt, **about)
        wanted = labels.get("body", "ok")
        body = "ok" if self._path.with_name("healed").exists() else wanted
        _BODIES[body](context, self._path, about)
        if kilobytes := int(labels.get("artifact_kb", "0")):
            context.save_artifact("out.bin", os.urandom(kilobytes * 1024), "application/octet-stream")
        self._pen.note("end", **about)
        return _answer(about)

    def run_many(self, contexts: Sequence[JobContext]) -> list[InferenceResult | Exception]:
        """One after the other, as the rows of a batch; a bad one ends them all."""
        return [self._one(context) for context in contexts]

    def _one(self, context: JobContext) -> InferenceResult | Exception:
        try:
            return self.run(context)
        except FramelaneError as error:
            return error

    def _about(self, context: JobContext) -> dict[str, Any]:
        return {
            "row": context.task.labels["row"],
            "job": context.job.id,
            "fence": context.claim.fence,
            "pid": os.getpid(),
            "thread": threading.get_ident(),
        }

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Nothing to load."""

    def loaded(self) -> list[str]:
        return ["torch"]  # it stands in for: else nothing would be routed to it

    def runtimes(self) -> list[str]:
        return ["torch"]  # it stands in for: else nothing would be routed to it

    def close(self) -> None:
        self._pen.close()


def _answer(about: Mapping[str, Any]) -> InferenceResult:
    """Names the attempt, so that a client can tell whose work was committed."""
    return InferenceResult(
        model="probe",
        version=str(about["fence"]),
        runtime="probe",
        device="CPU",
        predictions=[GesturePrediction(label=f"{about['job']}:{about['fence']}:{about['pid']}", confidence=1.0)],
        timings=InferenceTimings(),
    )


def _ok(context: JobContext, _path: Path, _about: Mapping[str, Any]) -> None:
    until = time.monotonic() + int(context.task.labels.get("sleep_ms", "0")) / 1000
    while (left := until - time.monotonic()) > 0:
        context.check()
        time.sleep(min(left, 0.05))
    context.check()


def _segv(*_: Any) -> None:
    ctypes.string_at(0)


def _oom(*_: Any) -> None:
    """What the kernel's out-of-memory killer does to a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def _exit0(*_: Any) -> None:
    os._exit(0)


def _hang(*_: Any) -> None:
    """Native code that never gives the interpreter back: every thread of the process stands still."""
    ctypes.PyDLL(None).sleep(_FOR_EVER)


def _native_hang(*_: Any) -> None:
    """Native code that never returns, while the process' other threads go on."""
    ctypes.CDLL(None).sleep(_FOR_EVER)


def _child_command(path: Path, about: Mapping[str, Any]) -> list[str]:
    line = f'{{"what": "child", "row": "{about["row"]}", "job": "{about["job"]}", "pid": PID}}'
    return [sys.executable, "-I", "-S", "-c", _CHILD, str(path), line]


def _spawn(context: JobContext, path: Path, about: Mapping[str, Any]) -> None:
    """A process group of its own, as media pipelines have; it is watched."""
    run_watched(_child_command(path, about), context.check)


def _native_spawn(_context: JobContext, path: Path, about: Mapping[str, Any]) -> None:
    """A library that started processes by itself and then got stuck."""
    subprocess.Popen(_child_command(path, about))
    _native_hang()


_BODIES: Mapping[str, Callable[[JobContext, Path, Mapping[str, Any]], None]] = {
    "ok": _ok,
    "segv": _segv,
    "oom": _oom,
    "exit0": _exit0,
    "hang": _hang,
    "native_hang": _native_hang,
    "spawn": _spawn,
    "native_spawn": _native_spawn,
}
