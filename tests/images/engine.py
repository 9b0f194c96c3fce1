"""Podman, as Docker is asked."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.models import ROOT
from tests.support.polling import eventually

BASE = "localhost/python:3.11-slim-bookworm"
_COMPOSE = Path(sys.executable).parent / "docker-compose"
_BEAT_S = 2.0
# Neither cgroups of the second kind nor systemd are needed, nor the right to raise limits.
_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


class Engine:
    """``folder`` holds its settings and its socket."""

    def __init__(self, folder: Path) -> None:
        (folder / "containers.conf").write_text(_CONF)
        self._socket = f"unix://{folder}/podman.sock"
        self.env_file = folder / ".env"
        self._env = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf"), "DOCKER_HOST": self._socket}

    def podman(self, *arguments: str, limit_s: float = 120, check: bool = True, **given: Any) -> str:
        """What it wrote. Raises CalledProcessError."""
        command = ["podman", *arguments]
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=limit_s, check=False, **given
        )
        if check and done.returncode:
            sys.stderr.write(done.stdout[-3000:] + done.stderr[-3000:])
            done.check_returncode()
        return done.stdout

    def build(self, tag: str, recipe: Path, context: Path, volumes: Sequence[str], *options: str) -> None:
        """Without namespaces of its own, which not every machine allows."""
        mounted = [each for volume in volumes for each in ("--volume", volume)]
        how = ["--isolation", "chroot", "--network", "host", "--format", "docker"]
        self.podman("build", *how, *mounted, *options, "-f", str(recipe), "-t", tag, str(context), limit_s=3600)

    def compose(self, *arguments: str, limit_s: float = 600) -> str:
        """The real Compose, on our file as it is."""
        command = [str(_COMPOSE), "--project-directory", str(ROOT), "--env-file", str(self.env_file), *arguments]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=limit_s, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout[-3000:] + done.stderr[-3000:])
            done.check_returncode()
        return done.stdout

    def containers(self) -> list[str]:
        """Names of those that run."""
        return [
            name for name in self.podman("ps", "--format", "{{.Names}}").split() if name.startswith("framelane-")
        ]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Docker's interface; and health checks, which are timers of systemd elsewhere."""
        command = ["podman", "system", "service", "--time=0", self._socket]
        service = subprocess.Popen(
            command, env=self._env, stderr=subprocess.DEVNULL
        )  # it misses systemd at each step
        eventually(Path(self._socket.removeprefix("unix://")).exists)
        over = threading.Event()
        beat = threading.Thread(target=self._check_health, args=(over,))
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()
            service.terminate()
            service.wait()

    def _check_health(self, over: threading.Event) -> None:
        while not over.wait(_BEAT_S):
            for name in self.containers():
                self.podman("healthcheck", "run", name, check=False)
