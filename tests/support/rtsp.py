"""A real RTSP server for tests, and whether this machine has one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.models import ROOT
from tests.support.rtsp_server import PASSWORD, USER

LOGIN = f"{quote(USER)}:{quote(PASSWORD)}@"


@cache
def why_not() -> str:
    """Why there is none here; empty if there is."""
    code = "from workers.gst import gi_path; gi_path.load('Gst', 'GstRtspServer')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    return "" if done.returncode == 0 else "no RTSP server here: apt-get install gir1.2-gst-rtsp-server-1.0"


def needs_rtsp_server() -> pytest.MarkDecorator:
    """Of a test that serves or takes streams."""
    return pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


class RtspServer:
    """``port`` of 127.0.0.1; a camera is at ``/cam``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def url(self, path: str = "", login: str = "") -> str:
        """``login``: LOGIN for one that is closed."""
        return f"rtsp://{login}127.0.0.1:{self.port}{path}"

    def record(self, path: str, into: Path) -> None:
        """Take what is published there, as an MPEG transport stream."""
        assert self._process.stdin
        self._process.stdin.write(f"{path} {into}\n")
        self._process.stdin.flush()
        assert self._line() == "ready"

    def die(self) -> None:
        """At once, without a word to who is connected."""
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def rtsp_server(*, closed: bool = False) -> Iterator[RtspServer]:
    """Until the block is left. ``closed``: it asks for a login."""
    command = [sys.executable, "-m", "tests.support.rtsp_server", *(["closed"] if closed else [])]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield RtspServer(process)
        finally:
            process.kill()
