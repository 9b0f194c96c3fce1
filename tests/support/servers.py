"""Real servers for tests, each on ports of its own. They come in pinned wheels: one that doesn't start is a failure."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import urllib3
from pydantic import SecretStr

from shared.settings import ArtifactSettings

READY_S = 30.0
STOP_S = 10.0

_SERVICES = ("master", "volume", "filer", "s3", "admin")


_ALL = ("Admin", "Read", "Write", "List", "Tagging")


def _identity(name: str, access_key: str, secret_key: str, *actions: str) -> dict[str, object]:
    credentials = {"accessKey": access_key, "secretKey": secret_key}
    return {"name": name, "credentials": [credentials], "actions": actions}


def free_ports(count: int) -> list[int]:
    """Different ports that were free a moment ago."""
    with ExitStack() as open_at_once:
        probes = [open_at_once.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class S3Server:
    """SeaweedFS in one process. Signatures are checked against ``access_key`` and ``secret_key``.

    Started again, it is found where it was. ``launcher``: words before the command, as of EmbeddedValkey.
    """

    access_key = "test-access-key"
    secret_key = "test-secret-key-0123456789"
    reader_key = "test-reader-key"
    reader_secret = "test-reader-secret-0123456789"
    """Of one who may do nothing but read."""

    def __init__(self, data_dir: Path, launcher: Sequence[str] = ()) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "weed.log"
        self._launcher = launcher
        self.endpoint = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._ports: list[int] = []

    def settings(self, bucket: str) -> ArtifactSettings:
        return ArtifactSettings(
            kind="s3",
            endpoint=self.endpoint,
            bucket=bucket,
            secure=False,
            access_key=self.access_key,
            secret_key=SecretStr(self.secret_key),
        )

    def start(self) -> None:
        """Returns when it serves S3. Tries again with other ports if somebody else took one meanwhile."""
        for _ in range(3):
            self._spawn()
            if self._answers():
                return
            self.stop()
            self._ports = []
        raise AssertionError(f"SeaweedFS didn't start:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for port in self._ports:
            for left_behind in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left_behind.unlink(missing_ok=True)

    def _spawn(self) -> None:
        self._ports = self._ports or free_ports(2 * len(_SERVICES))
        ports = dict(zip(_SERVICES, self._ports[: len(_SERVICES)], strict=True))
        grpc = dict(zip(_SERVICES, self._ports[len(_SERVICES) :], strict=True))
        self.endpoint = f"127.0.0.1:{ports['s3']}"
        command = [
            *self._launcher,
            str(Path(sys.executable).parent / "weed"),
            "mini",
            f"-dir={self.data_dir}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{service}.port={port}" for service, port in ports.items()),
            *(f"-{service}.port.grpc={port}" for service, port in grpc.items()),
            f"-s3.config={self.data_dir / 'identities.json'}",
            "-s3.port.lance=0",
            "-s3.port.iceberg=0",
            "-master.telemetry=false",
            "-volume.max=2000",  # by itself it has few on a disk that is rather full, and each bucket takes some
            "-webdav=false",
            "-admin.ui=false",
        ]
        identities = self.data_dir / "identities.json"
        identities.write_text(
            json.dumps(
                {
                    "identities": [
                        _identity("all", self.access_key, self.secret_key, *_ALL),
                        _identity("reader", self.reader_key, self.reader_secret, "Read"),
                    ]
                }
            )
        )
        secrets = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | secrets | {"GOMEMLIMIT": "400MiB"},
            )

    def _answers(self) -> bool:
        """Whether S3 comes up: unsigned calls are refused, so 403 is the sign of life."""
        deadline = time.monotonic() + READY_S
        with urllib3.PoolManager(timeout=1, retries=False) as http:
            while time.monotonic() < deadline and self.process and self.process.poll() is None:
                try:
                    if http.request("GET", f"http://{self.endpoint}/").status == 403:
                        return True
                except urllib3.exceptions.HTTPError:
                    pass
                try:
                    self.process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
        return False
