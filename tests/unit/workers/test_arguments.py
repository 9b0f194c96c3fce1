import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shared.settings import Settings, WorkerSettings
from workers.arguments import read
from workers.errors import CannotStart

ROOT = Path(__file__).parents[3]
ELSEWHERE = Settings(worker=WorkerSettings(lane="npu", concurrency=7))


@pytest.mark.parametrize(
    ("given", "lane", "device"),
    [
        ([], "npu", None),
        (["--lane", "gpu.1"], "gpu.1", None),
        (["--lane", "gpu", "--device", "GPU.1"], "gpu", "GPU.1"),
        (["--device", "GPU.1"], "gpu.1", "GPU.1"),
        (["--device", "GPU.1", "--class", "fast"], "gpu.1", "GPU.1"),
        (["--device", "CPU", "--class", "long"], "cpu.long", "CPU"),
        (["--class", "long"], "cpu.long", None),
        (["--class", "io"], "io", None),
        (["--device", "CPU", "--class", "io"], "io", "CPU"),
    ],
)
def test_a_device_and_a_class_are_a_lane(given, lane, device):
    asked = read(given, ELSEWHERE)
    assert (asked.lane.name, asked.device) == (lane, device)
    assert asked.settings.worker.concurrency == 7


def test_jobs_at_a_time():
    assert read(["--concurrency", "3"], ELSEWHERE).settings.worker.concurrency == 3


def test_a_device_that_is_none_is_refused_with_what_there_could_be():
    with pytest.raises(CannotStart, match="unknown lane 'turbo'; use cpu, gpu"):
        _ = read(["--device", "turbo"], ELSEWHERE).lane


@pytest.mark.parametrize("given", [["--class", "slow"], ["--lane", "cpu", "--class", "fast"]])
def test_options_that_can_t_be(given, capsys):
    with pytest.raises(SystemExit) as ended:
        read(given, ELSEWHERE)
    assert ended.value.code == 2
    assert "--class" in capsys.readouterr().err


def test_the_command_is_the_worker_s():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["framelane-worker"].partition(":")
    code = f"import sys; from {module} import {function}; sys.argv[1:] = ['--class', 'slow']; {function}()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "usage: framelane-worker" in done.stderr
    assert "'fast', 'long', 'io'" in done.stderr
