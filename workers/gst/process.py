"""The process of a pipeline as its parent holds it: started, heard to its last byte, gone with all it started."""

import os
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from shared.leash import leash
from workers.processes import clean_environment

_ROOT = Path(__file__).parents[2]
_SECRET = re.compile(r"\AFRAMELANE_|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|_KEY\Z", re.IGNORECASE)
_CHUNK = 65_536
_LAST_S = 2.0

Hear = Callable[[bytes], None]


def environment() -> dict[str, str]:
    """The clean one, without anything that looks like a secret: what runs there decodes strangers' files."""
    kept = {name: value for name, value in clean_environment().items() if not _SECRET.search(name)}
    path = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "GST_DEBUG_NO_COLOR": "1"}


class _Lines:
    """What a pipe brings, line by line."""

    def __init__(self, pipe: IO[bytes], hear: Hear) -> None:
        os.set_blocking(pipe.fileno(), False)
        self.pipe, self._hear, self._partial = pipe, hear, b""

    def read(self) -> bool:
        """Hear all there is now; False at the end, where an unfinished line counts as one."""
        while True:
            try:
                chunk = os.read(self.pipe.fileno(), _CHUNK)
            except BlockingIOError:
                return True
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines if chunk else [*lines, self._partial]:
                if line:
                    self._hear(line)
            if not chunk:
                return False


class Child:
    """A pipeline's process. A context manager: inside it runs, behind it is gone, with its children."""

    def __init__(self, request: bytes, cwd: Path, on_line: Hear, on_words: Hear) -> None:
        """``on_line`` hears each line of its report, ``on_words`` each of what it prints."""
        self._unsent, self._cwd = request, cwd
        self._on_line, self._on_words = on_line, on_words

    def __enter__(self) -> Self:
        """Start it, tied to this thread."""
        report, reporter = os.pipe()
        command = [sys.executable, "-P", "-m", "workers.gst.child", str(reporter)]
        try:
            self._process = subprocess.Popen(
                [*leash(signal.SIGKILL), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(reporter,),
                cwd=self._cwd,
                env=environment(),
                start_new_session=True,
            )
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(reporter)
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            msg = "the process was started without pipes"
            raise RuntimeError(msg)
        self._stdin = stdin
        os.set_blocking(stdin.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._open = [_Lines(os.fdopen(report, "rb"), self._on_line), _Lines(stdout, self._on_words)]
        for lines in self._open:
            self._selector.register(lines.pipe, selectors.EVENT_READ, lines)
        self._selector.register(stdin, selectors.EVENT_WRITE)
        return self

    def read(self, seconds: float) -> bool:
        """Hear what comes, waiting at most ``seconds`` for it; False once nothing can come any more."""
        gone = self._process.poll() is not None
        for key, _events in self._selector.select(0 if gone else seconds):
            if isinstance(key.data, _Lines):
                self._hear(key.data)
            else:
                self._send()
        if gone:  # whoever else holds the pipes open, what it wrote is in them
            for lines in tuple(self._open):
                self._hear(lines)
        return bool(self._open) and not gone

    def _hear(self, lines: _Lines) -> None:
        if lines in self._open and not lines.read():
            self._open.remove(lines)
            self._selector.unregister(lines.pipe)
            lines.pipe.close()

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._stdin.fileno(), self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = b""
        if not self._unsent:
            self._selector.unregister(self._stdin)

    def stop(self) -> None:
        """Ask it to bring the pipeline to its end."""
        if not self._unsent:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        self._unsent += b"stop\n"

    def signal(self, number: signal.Signals) -> None:
        """To it and all it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def wait(self) -> int:
        """Its status, negative for a signal. One that said its last and stays is killed."""
        try:
            return self._process.wait(_LAST_S)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            return self._process.wait()

    def __exit__(self, *_error: object) -> None:
        """Nothing of it is left."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for lines in self._open:
            lines.pipe.close()
        with suppress(BrokenPipeError, BlockingIOError):
            self._stdin.close()
