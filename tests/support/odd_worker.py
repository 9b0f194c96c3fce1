"""A worker as in production, whose download jobs do odd things instead: what the model's name says.

``python -m tests.support.odd_worker --lane io``. Everything a job does is noted in the file that LEDGER names; a job
that waits does so until there is a file of the job's id beside it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shared.results import DownloadResult, InstalledModel
from shared.specs import JobKind, ModelDownloadSpec
from workers import child
from workers.context import JobContext
from workers.handlers import Handler, WorkerEnvironment
from workers.warden import Warden, python

LEDGER = "TEST_LEDGER"
MODULE = "tests.support.odd_worker"
DONE = DownloadResult(models=[], downloaded_bytes=0)


def ledger() -> Path:
    return Path(os.environ[LEDGER])


def note(*words: object) -> None:
    """One line, whole whoever else writes."""
    with ledger().open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def wait(context: JobContext) -> None:
    """As one should: looks up now and then."""
    while not ledger().with_name(context.job.id).exists():
        context.check()
        time.sleep(0.01)


def wait_stubbornly(context: JobContext) -> None:
    """Hears nothing."""
    while not ledger().with_name(context.job.id).exists():
        time.sleep(0.01)


def hold_the_interpreter(_context: JobContext) -> None:
    """No Python thread of this process runs until it is over."""
    ctypes.PyDLL(None).sleep(600)


def leave_an_orphan(_context: JobContext) -> None:
    """A process in a session of its own, whose parent is gone."""
    code = "import subprocess as s; print(s.Popen(['sleep', '600'], stdout=s.DEVNULL, start_new_session=True).pid)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    note("orphan", done.stdout.strip())
    os.kill(os.getpid(), signal.SIGKILL)


def speak_and_die(_context: JobContext) -> None:
    print("the last words", file=sys.stderr, flush=True)
    os._exit(0)


def save(context: JobContext) -> None:
    context.save_artifact("kept.txt", b"kept", "text/plain")


DEEDS: Mapping[str, Callable[[JobContext], None]] = {
    "done": lambda _context: None,
    "nap": lambda _context: time.sleep(0.05),
    "wait": wait,
    "wait-stubbornly": wait_stubbornly,
    "hold-the-interpreter": hold_the_interpreter,
    "leave-an-orphan": leave_an_orphan,
    "speak-and-die": speak_and_die,
    "save": save,
    "crash": lambda _context: os.kill(os.getpid(), signal.SIGSEGV),
    "leave-quietly": lambda _context: sys.exit(0),
}


class OddHandler:
    """Does what the job's first model is called."""

    def run(self, context: JobContext) -> DownloadResult:
        assert isinstance(context.task, ModelDownloadSpec)
        deed = context.task.models[0]
        note("began", deed, context.job.id, os.getpid())
        DEEDS[deed](context)
        note("ended", deed, context.job.id, os.getpid())
        return DONE

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Nothing to load."""

    def loaded(self) -> list[str]:
        return []

    def runtimes(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to let go of."""


def build(_environment: WorkerEnvironment) -> Mapping[JobKind, Handler]:
    return {"model_download": OddHandler()}


if __name__ == "__main__":
    if sys.argv[1] == "child":
        sys.exit(child.main(sys.argv[2:], build))
    sys.exit(Warden(python(MODULE, "child", *sys.argv[1:])).run())
