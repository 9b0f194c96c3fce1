"""A gateway as a process of its own, on a port of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

from shared.settings import Settings
from tests.support.servers import free_ports

ROOT = Path(__file__).parents[2]
READY_S = 60.0
STOP_S = 20.0


class GatewayProcess:
    """``python -m api.main`` with the given settings in its environment."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        host: str = "127.0.0.1",
        environment: Mapping[str, str] | None = None,
        workers: int = 1,
        port: int = 0,
    ) -> None:
        self.port = port or free_ports(1)[0]
        self.log = folder / f"gateway-{self.port}-{workers}-{time.monotonic_ns()}.log"
        own = {
            "REDIS_URL": settings.store_url,
            "FRAMELANE_REDIS__PREFIX": settings.redis.prefix,
            "FRAMELANE_REDIS__SOCKET_TIMEOUT_S": str(settings.redis.socket_timeout_s),
            "FRAMELANE_REDIS__CONNECT_TIMEOUT_S": str(settings.redis.connect_timeout_s),
            "FRAMELANE_REDIS__ANSWER_S": str(settings.redis.answer_s),
            "FRAMELANE_ARTIFACTS__DIRECTORY": str(folder / "artifacts"),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "api.main", "--host", host, "--port", str(self.port)),
                    *(["--workers", str(workers)] if workers > 1 else []),
                ],
                cwd=ROOT,
                env=os.environ | own | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://{self.address}"

    @property
    def rss(self) -> int:
        """Resident bytes."""
        return psutil.Process(self.process.pid).memory_info().rss

    @property
    def cpu_s(self) -> float:
        """Processor time it has used."""
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    def wait_until(self, path: str, status: int = 200) -> httpx2.Response:
        """The first answer with that status."""
        deadline = time.monotonic() + READY_S
        with httpx2.Client(base_url=self.url, timeout=5, trust_env=False) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    answer = client.get(path)
                    if answer.status_code == status:
                        return answer
                except httpx2.TransportError:
                    pass
                try:
                    self.process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError(f"{path} didn't become {status}:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def gateway_process(
    settings: Settings,
    folder: Path,
    *,
    host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    workers: int = 1,
    until: str = "/health/ready",
) -> Iterator[GatewayProcess]:
    """One that answers ``until`` with 200."""
    gateway = GatewayProcess(settings, folder, host, environment, workers)
    try:
        gateway.wait_until(until)
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.terminate()
            try:
                gateway.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                gateway.process.kill()
                gateway.process.wait()
