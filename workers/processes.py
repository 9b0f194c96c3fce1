"""Helper processes that a job starts: watched while they run, gone with everything they started when it ends.

They are gone too when the worker is killed: each is tied to the thread that watches it.
"""

import os
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from shared.leash import leash

_LOOK_S = 0.5
_LAST_WORDS = 12
_OURS = ("FRAMELANE_ARTIFACTS", "FRAMELANE_REDIS", "FRAMELANE_BROKER", "REDIS_URL", "AWS_")


class ProcessFailed(Exception):
    """A helper ended with another status than 0. ``last_words``: the end of what it printed."""

    def __init__(self, status: int, last_words: str) -> None:
        self.status = status
        self.last_words = last_words
        super().__init__(f"status {status}: {last_words}")


def clean_environment() -> dict[str, str]:
    """This process's, without what only we should know: addresses and keys of our services."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}


def run_watched(
    command: Sequence[str],
    check: Callable[[], None],
    on_line: Callable[[str], None] = lambda _line: None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run to the end, both outputs going line by line to ``on_line``. Raises ProcessFailed.

    ``command`` starts with the path of a program; without ``env`` it gets the clean environment.
    ``check`` is called at least twice a second; when it raises, the process and its children are killed.
    """
    process = subprocess.Popen(
        [*leash(signal.SIGKILL), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment() if env is None else dict(env),
        start_new_session=True,
    )
    last: deque[str] = deque(maxlen=_LAST_WORDS)
    try:
        with _stdout(process) as output:
            _follow(output, check, lambda line: (last.append(line), on_line(line)))
        status = _wait(process, check)
    finally:
        _kill_group(process)
    if status != 0:
        raise ProcessFailed(status, "\n".join(last))


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        msg = "the process was started without a pipe"
        raise RuntimeError(msg)
    return process.stdout


def _follow(output: IO[bytes], check: Callable[[], None], on_line: Callable[[str], object]) -> None:
    descriptor, partial = output.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            check()
            if not selector.select(_LOOK_S):
                continue
            chunk = os.read(descriptor, 65_536)
            *lines, partial = (partial + chunk).split(b"\n")
            for line in lines if chunk else [*lines, partial]:
                if text := line.decode("utf-8", "replace").strip():
                    on_line(text)
            if not chunk:
                return


def _wait(process: subprocess.Popen[bytes], check: Callable[[], None]) -> int:
    while True:
        try:
            return process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            check()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
