"""The built wheel, installed with only ``[api]`` in an empty environment, starts the gateway."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

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
def test_api_extra_is_enough_for_the_gateway(python: Path, tmp_path: Path) -> None:
    program = (
        "import sys, api.main\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "app = api.main.create_app()\n"
        "print(api.main.__file__, heavy, '/api/v1/jobs' in app.openapi()['paths'])\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FRAMELANE_")}
    done = subprocess.run(
        [python, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    where, rest = done.stdout.split(" ", 1)
    assert "site-packages" in where
    assert rest.strip() == "[] True"


def test_api_extra_brings_no_heavy_library(python: Path) -> None:
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.lower()
    assert not [name for name in (*HEAVY, "opencv-contrib-python") if f"\n{name}==" in f"\n{listed}"]
