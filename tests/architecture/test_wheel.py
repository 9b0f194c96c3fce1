"""The built wheel, installed with only ``[api]`` in an empty environment, starts the gateway."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from pathlib import Path

import pytest

from tests.support.stacks import eventually

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "mediapipe", "openvino", "cv2", "numpy", "gi")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that sees the wheel and what ``[api]`` asks for, nothing else."""
    work = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(work), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = work.glob("*.whl")
    venv.create(work / "venv", with_pip=True)
    interpreter = work / "venv" / "bin" / "python"
    subprocess.run(
        [interpreter, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[api]"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return interpreter


@pytest.mark.timeout(700)
def test_api_extra_is_enough_to_start_the_gateway(python: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FRAMELANE_")}
    gateway = subprocess.Popen(
        [python, "-P", "-m", "api.main", "--host", "127.0.0.1", "--port", str(port)],
        cwd=tmp_path,
        env=environment | {"REDIS_URL": "redis://127.0.0.1:1/0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        live = eventually(lambda: answer(f"http://127.0.0.1:{port}/health/live"), 60)
        paths = json.loads(answer(f"http://127.0.0.1:{port}/openapi.json") or "{}")["paths"]
    finally:
        gateway.terminate()
        _, said = gateway.communicate(timeout=30)
    assert live, said
    assert "/api/v1/jobs" in paths
    assert gateway.returncode in {0, -signal.SIGTERM}, said  # uvicorn leaves by the signal it was sent


def answer(url: str) -> str | None:
    """What is there; None while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.read().decode()
    except urllib.error.URLError:
        return None


def test_the_wheel_brings_its_data(python: Path, tmp_path: Path) -> None:
    program = (
        f"import sys, api.main\nheavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "from shared.catalogue import load_catalogue\n"
        "print(api.main.__file__, heavy, len(load_catalogue().root) > 0)\n"
    )
    done = subprocess.run(
        [python, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    where, rest = done.stdout.split(" ", 1)
    assert "site-packages" in where
    assert rest.strip() == "[] True"


def test_api_extra_brings_no_heavy_library(python: Path) -> None:
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.lower()
    assert not [name for name in (*HEAVY, "opencv-contrib-python") if f"\n{name}==" in f"\n{listed}"]
