"""The whole system on one machine, as an object: started, ready, stopped."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from client.local.environment import CannotStart
from client.local.layout import Layout, StackOptions
from client.local.logs import FileLog, LogSink
from client.local.readiness import is_ready
from client.local.runfile import DataDirLock, RunFile
from client.local.supervisor import SPEAKER, StackFailed, Supervisor

READY_WITHIN_S = 120.0
_POLL_S = 0.05


class LocalStack:
    """Gateway, one worker process per lane and, unless the environment names a Redis, an embedded Valkey.

    As a context manager it is entered when everything answers and every lane's worker has announced itself. It is
    started once; after that, make another.
    All it keeps lies in ``data_dir``; without ``log`` the processes' lines go to ``framelane.log`` there.
    ``lanes`` None: ``cpu``, ``io`` and, where GStreamer is, ``cpu.long``.
    ``environ`` is what the processes inherit (this process's by default), ``port`` 0 takes a free one.
    ``gateway_workers``: processes of the gateway, which share its port.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        lanes: tuple[str, ...] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        flower: bool = False,
        environ: Mapping[str, str] | None = None,
        log: LogSink | None = None,
        gateway_workers: int = 1,
    ) -> None:
        """Raises ValueError for a lane that can't be and for no lane at all, MissingExtra."""
        self.data_dir = data_dir
        self.ready_s: float | None = None
        self._file = FileLog(data_dir / "framelane.log")
        self._sink: LogSink = log or self._file
        options = StackOptions(data_dir, host, port, lanes, flower, environ, gateway_workers)
        self._layout = Layout(options, self._sink)
        self._lock = DataDirLock(data_dir)
        self._supervisor = Supervisor(self._layout.parts(), self._sink, self._write_run_file)
        self._announced = False

    @property
    def url(self) -> str:
        """Root of the gateway."""
        return self._layout.url

    @property
    def redis_url(self) -> str:
        """The store's and broker's address; may hold a password."""
        return self._layout.redis_url

    @property
    def flower(self) -> tuple[str, str, str] | None:
        """Flower's address, user and password, if it was asked for."""
        return (self._layout.flower_url, *self._layout.flower_login) if self._layout.flower_url else None

    @property
    def made_key(self) -> str | None:
        """The administrator's key, if it was made for this start: it is kept in the data directory."""
        return self._layout.made_key

    @property
    def lanes(self) -> list[str]:
        """Names of the lanes it has."""
        return list(self._layout.lanes)

    def pids(self) -> dict[str, int]:
        """Process ids by part: ``gateway``, ``valkey``, ``flower`` and the lanes. Only of those that run now."""
        return self._supervisor.pids()

    def start(self) -> Self:
        """Start everything and wait until it is ready.

        Raises AlreadyRunning; CannotStart before anything runs; StackFailed with what a part that died said last.
        """
        began = time.monotonic()
        self._take_directory()
        try:
            self._layout.check()
            self._forget()  # what one that was killed left
            if self._sink is self._file:
                self._file.open()
            self._supervisor.start()
            self._await_ready(began + READY_WITHIN_S)
            self._supervisor.settle()
            self._layout.announce()
            self._announced = True
            self._write_run_file()
        except BaseException:
            self.stop()
            raise
        self.ready_s = time.monotonic() - began
        return self

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until everything has stopped; False when the time was up first. Raises StackFailed."""
        ended = self._supervisor.finished.wait(timeout_s)
        if self._supervisor.failure:
            raise self._supervisor.failure
        return ended

    def stop(self) -> None:
        """Stop gateway, workers and Valkey in this order, within 30 s; no-op when nothing runs."""
        if not self._lock.held:
            return
        self._announced = False
        self._forget()  # whoever looks for us from now on shall know at once
        self._supervisor.stop()
        self._forget()
        self._lock.release()
        self._file.close()

    def kill(self) -> None:
        """Make a ``stop`` that goes on short: nothing is waited for any more."""
        self._supervisor.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_directory(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock.take()
        except OSError as error:
            msg = f"--data-dir {self.data_dir}: {error.strerror}; name a folder that can be written to"
            raise CannotStart(msg) from error

    def _await_ready(self, deadline: float) -> None:
        with httpx2.Client(timeout=5, trust_env=False, headers=self._shown()) as http:
            while not is_ready(http, self.url, self._layout.lanes, self.pids()):
                if self._supervisor.finished.wait(_POLL_S):
                    raise self._supervisor.failure or StackFailed("stopped while it was starting")
                if time.monotonic() > deadline:
                    msg = (
                        f"not ready within {READY_WITHIN_S:.0f} s; running: {', '.join(self.pids()) or 'nothing'}"
                    )
                    raise StackFailed(msg)
        self._sink(SPEAKER, f"ready: {self.url}")

    def _shown(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._layout.key}"} if self._layout.key else {}

    def _forget(self) -> None:
        RunFile.path(self.data_dir).unlink(missing_ok=True)

    def _write_run_file(self) -> None:
        if self._announced:
            RunFile(url=self.url, pid=os.getpid(), pids=self.pids()).write(self.data_dir)
