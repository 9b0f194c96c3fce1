"""Every command of the README, run as it stands there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local import LocalStack
from client.local.runfile import RunFile
from tests.support.models import ROOT, photo
from tests.support.pipelines import why_not
from tests.support.polling import eventually
from tests.support.stacks import data_dir_with_models, own_environ, stack_on

pytestmark = [pytest.mark.service, pytest.mark.models]

README = (ROOT / "README.md").read_text("utf-8")
VENV = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]
MAKE = [line for line in COMMANDS if line.startswith("make ")]
OTHERS = [line for line in COMMANDS if not line.startswith(("make ", ". "))]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """What `make up` starts: with a lane for pipelines where GStreamer is."""
    with stack_on(data_dir_with_models(tmp_path_factory.mktemp("readme") / "data"), lanes=None) as stack:
        yield stack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader stands, with a photo of a hand."""
    folder = tmp_path_factory.mktemp("reader")
    for place in (folder, folder / ".framelane" / "cache"):
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo("nocurl"), place / "hand.jpg")
    return folder


@pytest.fixture
def environ(stack: LocalStack) -> dict[str, str]:
    path = f"{VENV}{os.pathsep}{os.environ['PATH']}"
    return own_environ() | {"FRAMELANE_URL": stack.url, "PATH": path, "COLUMNS": "160"}


def test_commands_are_those_we_know_how_to_run() -> None:
    assert MAKE == ["make demo", "make test", "make up", "make faults"]
    assert [line for line in COMMANDS if line not in MAKE + OTHERS] == [". .venv/bin/activate"]
    assert len(OTHERS) >= 7


@pytest.mark.parametrize("line", OTHERS)
def test_command(line: str, folder: Path, environ: dict[str, str]) -> None:
    if any(part in line for part in ("submit pipeline", "bench ", "found/")) and why_not():
        pytest.skip(why_not())
    done = subprocess.run(
        ["bash", "-euc", line], cwd=folder, env=environ, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() or line.startswith("cp ")
    if "asl/predict" in line:
        assert json.loads(done.stdout)["prediction"]


@pytest.mark.parametrize("block", blocks("python"))
def test_program(block: str, folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\S 0\.\d+\n", done.stdout), done.stdout


@pytest.mark.parametrize("line", ["make demo", "make test", "make faults"])
def test_make_runs_what_it_says(line: str) -> None:
    # The demo runs in its own story, the tests are running now: here it counts what make would do.
    done = subprocess.run(
        [*line.split(), "--dry-run"],
        cwd=ROOT,
        env=own_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    expected = {"make demo": "-m client.demo", "make test": "-m tests.suite", "make faults": "-m tests.faults"}[
        line
    ]
    assert expected in done.stdout


def test_make_up(tmp_path: Path) -> None:
    data = data_dir_with_models(tmp_path / "data")
    with subprocess.Popen(
        ["make", "up", f"ARGS=--data-dir {data}"],
        cwd=ROOT,
        env=own_environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            eventually(lambda: RunFile.read(data), 180)
            os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C sends
            process.wait(90)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert RunFile.read(data) is None
