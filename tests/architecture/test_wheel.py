"""The built wheel in empty environments: with only ``[api]`` it is a gateway, with only ``[client]`` the command."""

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

from tests.support.polling import eventually

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "mediapipe", "openvino", "cv2", "numpy", "gi")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """An interpreter that sees the wheel and what ``[api]`` asks for, nothing else."""
    return installed(wheel, "api")


@pytest.fixture(scope="module")
def framelane(wheel: Path) -> Path:
    """The command of an environment with the wheel and what ``[client]`` asks for, nothing else."""
    return installed(wheel, "client").with_name("framelane")


def installed(wheel: Path, extra: str) -> Path:
    target = wheel.parent / extra
    venv.create(target, symlinks=True)
    interpreter = target / "bin" / "python"
    pip(interpreter, "install", "-q", "-c", str(ROOT / "constraints.txt"), f"{wheel}[{extra}]")
    return interpreter


def pip(interpreter: Path, *words: str) -> str:
    """What our own pip, which needs no copy in there, does to the environment."""
    command = [sys.executable, "-m", "pip", "--python", str(interpreter), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


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
    listed = pip(python, "list", "--format=freeze").lower()
    assert not [name for name in (*HEAVY, "opencv-contrib-python") if f"\n{name}==" in f"\n{listed}"]


def test_client_extra_is_enough_for_help(framelane: Path, tmp_path: Path) -> None:
    done = said(framelane, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert {"up", "submit", "watch", "get", "cancel", "jobs", "devices", "models"} <= set(done.stdout.split())


def test_client_extra_is_enough_to_ask_a_gateway(framelane: Path, tmp_path: Path) -> None:
    done = said(framelane, tmp_path, "jobs", "--json", "--url", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "http://127.0.0.1:1" in line


def test_up_without_its_parts_names_the_remedy(framelane: Path, tmp_path: Path) -> None:
    done = said(framelane, tmp_path, "up")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.endswith("pip install 'framelane[local]'")
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def said(framelane: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("FRAMELANE_", "REDIS_"))
    }
    return subprocess.run(
        [framelane, *words], cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
