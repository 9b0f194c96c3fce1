"""What a process and all its descendants take, and their end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 1024 * 1024
_END_S = 30.0


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. ``anonymous``: their own pages; ``pss``: with their share of the files that they map."""

    anonymous: float
    pss: float


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that live now."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_s(pid: int) -> float:
    """Processor seconds so far of the process and its descendants, of ended ones too if they were waited for."""
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def memory(pid: int) -> Memory:
    """Of the whole tree."""
    anonymous = pss = 0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii")
            figures = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
            anonymous, pss = anonymous + figures["Anonymous"], pss + figures["Pss"]
    return Memory(anonymous / 1024, pss / 1024)


@contextmanager
def started(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path
) -> Generator[subprocess.Popen[bytes]]:
    """A server in ``folder`` whose lines go to ``log``; at the end it and all its descendants are gone."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, wait, then end whoever is left of its descendants."""
    family = tree(process.pid)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    _, alive = psutil.wait_procs([each for each in family if each.pid != process.pid], timeout=2)
    for each in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    if process.poll() is None:
        process.kill()
        process.wait()
