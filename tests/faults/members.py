"""The processes of a field: started, stopped for a while, killed with all that they started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from shared.leash import leash

ROOT = Path(__file__).parents[2]
MARK = "FAULTS_RUN"
"""In the environment of everything a run starts, so that what is left of it can be found."""

_T = TypeVar("_T")


class Starter:
    """One thread that starts every process and lives as long as the program: they are tied to it, and die with it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "starter")

    def call(self, start: Callable[[], _T]) -> _T:
        """What ``start`` gives; it runs on the starter's thread."""
        return self._thread.submit(start).result()


class Member:
    """A command as a process of its own session; what it says goes to the file ``log``."""

    def __init__(
        self, starter: Starter, name: str, command: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._said = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self.process = starter.call(
                lambda: subprocess.Popen(
                    [*leash(signal.SIGKILL), *command],
                    cwd=ROOT,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def says(self, word: str) -> bool:
        """Whether the word stands in what it said since its start."""
        return word in self.words()

    def words(self) -> str:
        """All that it said since its start."""
        with self.log.open("rb") as file:
            file.seek(self._said)
            return file.read().decode("utf-8", "replace")

    def tree(self) -> list[psutil.Process]:
        """Itself and everything below it."""
        with suppress(psutil.NoSuchProcess):
            me = psutil.Process(self.pid)
            return [me, *me.children(recursive=True)]
        return []

    def signal_tree(self, number: signal.Signals) -> None:
        """The same signal for all of them: first the root, so that it can't mend what happens below."""
        for each in self.tree():
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def kill_tree(self) -> None:
        """As when the machine's plug is pulled."""
        self.signal_tree(signal.SIGKILL)
        self.process.wait(10)

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.alive:
            self.process.terminate()

    def ended(self, within_s: float) -> int | None:
        """Its exit status, if it ends in time."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None


def marked(mark: str) -> list[psutil.Process]:
    """Every living process whose mark begins so."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(mark):
                found.append(process)
    return [each for each in found if lives(each.pid)]


def lives(pid: int) -> bool:
    """Whether there is such a process and it isn't just waiting for its parent to look at it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_marked(mark: str, within_s: float = 10.0) -> None:
    """End all of them, stopped ones too."""
    deadline = time.monotonic() + within_s
    while (left := marked(mark)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)
