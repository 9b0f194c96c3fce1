"""The processes a machine is made of: each can be started again and again, and speaks through one log."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Protocol

from client.local.embedded import EmbeddedValkey
from client.local.logs import LogSink, plain, worth_reading
from shared.leash import leash

_LAST_WORDS = 12


class Part(Protocol):
    """Something the supervisor keeps alive. ``rank`` orders the stop: lower ones go first."""

    name: str
    rank: int

    @property
    def pid(self) -> int | None:
        """The process id; None when it doesn't run."""
        ...

    def start(self) -> None:
        """Start it once; the calling thread must live as long as it should."""
        ...

    def wait(self) -> int:
        """Block until the process ends; its exit status, negative for a signal."""
        ...

    def ask_to_stop(self) -> None:
        """Send the gentle signal; no-op if it doesn't run."""
        ...

    def end(self, within_s: float) -> None:
        """Wait that long for the end, then kill it and what it started."""
        ...

    def kill(self) -> None:
        """End it at once; no-op if it doesn't run."""
        ...

    def last_words(self) -> str:
        """Its latest lines."""
        ...


class Listener:
    """Carries what a process says to the log, and remembers the end of it."""

    def __init__(self, speaker: str, sink: LogSink, wanted: Callable[[str], bool] = bool) -> None:
        """Lines that aren't ``wanted`` are remembered but not logged."""
        self.speaker = speaker
        self._sink = sink
        self._wanted = wanted
        self._recent: deque[str] = deque(maxlen=_LAST_WORDS)

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Read a new process's ``stream`` to its end in a thread of its own."""
        self._recent.clear()
        thread = threading.Thread(target=self._read, args=(stream,), name=f"log-{self.speaker}", daemon=True)
        thread.start()
        return thread

    def last_words(self) -> str:
        """The latest lines, without colours."""
        return "\n".join(self._recent)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", errors="replace").rstrip()
                self._recent.append(plain(line))
                if self._wanted(line):
                    self._sink(self.speaker, line)


class ProcessPart:
    """A Python module as a process of its own group. ``command`` and ``env`` are asked anew for each start."""

    def __init__(
        self,
        name: str,
        rank: int,
        command: Callable[[], list[str]],
        env: Callable[[], Mapping[str, str]],
        sink: LogSink,
    ) -> None:
        self.name = name
        self.rank = rank
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._sink = sink
        self._listener = Listener(name, sink, worth_reading)
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None when it doesn't run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output goes to the log."""
        self._process = subprocess.Popen(
            # -P: a folder named like one of our packages where the user stands must not be taken for ours.
            [*leash(signal.SIGKILL), sys.executable, "-P", *self._command()],
            env=dict(self._env()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101  asked for in the line above
        self._reader = self._listener.follow(self._process.stdout)

    def wait(self) -> int:
        """Block until the process ends and what it said is in the log."""
        if self._process is None:
            return 0
        status = self._process.wait()
        if self._reader:
            self._reader.join(1.0)
        return status

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def end(self, within_s: float) -> None:
        """Wait, then kill the whole group: what the process started must not stay behind."""
        if self._process is None:
            return
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            if within_s > 0:
                self._sink(self.name, f"didn't end within {within_s:.0f} s: killed")
        finally:
            _kill_group(self._process.pid)
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL for the whole group."""
        if self._process and self._process.poll() is None:
            _kill_group(self._process.pid)

    def last_words(self) -> str:
        """Its latest lines."""
        return self._listener.last_words()


class ValkeyPart:
    """The embedded Valkey, with the port it took first kept over restarts."""

    name = "valkey"
    rank = 9

    def __init__(self, data_dir: Path, sink: LogSink) -> None:
        self._data_dir = data_dir
        # Its notices are many and about itself; "#" marks what matters.
        self._listener = Listener(self.name, sink, lambda line: " # " in line)
        self._server = EmbeddedValkey(data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        return self._server.url

    @property
    def pid(self) -> int | None:
        """The process id; None when it doesn't run."""
        return self._server.pid

    def start(self) -> None:
        """Start the server and wait until it answers. Raises StoreUnavailable."""
        reading, writing = os.pipe()
        try:
            self._listener.follow(os.fdopen(reading, "rb"))
            self._server = EmbeddedValkey(
                self._data_dir, port=self._server.port, log=writing, launcher=leash(signal.SIGTERM)
            ).start()
        finally:
            os.close(writing)
        self._process = self._server.process

    def wait(self) -> int:
        """Block until the server ends."""
        return self._process.wait() if self._process else 0

    def ask_to_stop(self) -> None:
        """Nothing yet: ``end`` both asks and waits."""

    def end(self, within_s: float) -> None:  # noqa: ARG002  the server has a limit of its own
        """Stop the server, its data written."""
        self._server.stop()

    def kill(self) -> None:
        """SIGKILL; the append-only file is whole up to the last second."""
        if self._process and self._process.poll() is None:
            self._process.kill()

    def last_words(self) -> str:
        """Its latest lines."""
        return self._listener.last_words()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
