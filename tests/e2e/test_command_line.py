"""The command line against the running system: what scripts read, and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from client.local import LocalStack
from client.sdk import Framelane
from shared.inputs import Point
from shared.jobs import Job
from tests.support.models import photo

pytestmark = [pytest.mark.service, pytest.mark.models]


@pytest.fixture
def run(stack: LocalStack):
    """Run `framelane` as a process of its own, with the gateway found by the data directory."""

    def call(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("framelane")), *words, "--data-dir", str(stack.data_dir)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=200, check=False)

    return call


def test_a_photo_from_the_command_line(run, client: Framelane):
    done = run(
        "submit", "inference", "--model", "vgt", "--image", str(photo("nocurl")), "--annotate", "--wait", "--json"
    )
    assert done.returncode == 0, done.stderr
    job = Job.model_validate_json(done.stdout)
    assert job.outcome.result.predictions[0].label == "D"
    assert [artifact.media_type for artifact in job.artifacts] == ["image/jpeg"]
    assert job == client.get(job.id)


def test_people_are_told_where_the_drawing_is(run):
    done = run("submit", "inference", "--model", "vgt", "--image", str(photo("nocurl")), "--annotate", "--wait")
    assert done.returncode == 0, done.stderr
    (url,) = re.findall(r"http://\S+/artifacts/annotated-0\.jpg", done.stdout)
    drawing = httpx2.get(url, follow_redirects=True)
    assert (drawing.status_code, drawing.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_what_a_job_left_is_saved_where_it_is_wanted(run, tmp_path: Path, how: list[str]):
    image, folder = str(photo("nocurl")), tmp_path / "left" / "here"
    done = run(
        "submit", "inference", "--model", "vgt", "--image", image, "--annotate", "--save", str(folder), *how
    )
    assert done.returncode == 0, done.stderr
    drawing = folder / "annotated-0.jpg"
    assert str(drawing) in (done.stderr if how else done.stdout)
    if how:
        assert Job.model_validate_json(done.stdout).artifacts[0].size == drawing.stat().st_size
    with Image.open(drawing) as picture:
        assert picture.size == (480, 640)


def test_more_photos_than_a_request_has_parts(run, tmp_path: Path):
    empty = tmp_path / "empty.png"
    Image.new("RGB", (32, 32)).save(empty)
    done = run("submit", "inference", "--model", "vgt", *["--image", str(empty)] * 65, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert len(Job.model_validate_json(done.stdout).outcome.result.predictions) == 65


def test_people_get_the_letter(run):
    done = run("submit", "inference", "--model", "vgt", "--image", str(photo("nocurl")), "--wait")
    assert done.returncode == 0
    assert done.stdout.startswith("COMPLETED ")
    assert "D  9" in done.stdout


def test_a_spec_on_stdin_and_the_job_by_its_id(run, hand_points: list[Point]):
    spec = {"kind": "inference", "model": "vgt", "inputs": [{"landmarks": [p.model_dump() for p in hand_points]}]}
    submitted = run("submit", "-", "--label", "by=cli", stdin=json.dumps(spec))
    assert submitted.returncode == 0, submitted.stderr
    job_id = submitted.stdout.strip()

    watched = run("watch", job_id, "--json", "--after-seq", "0")
    assert watched.returncode == 0
    frames = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [frame["state"] for frame in frames] == ["PENDING", "RUNNING", "COMPLETED"]

    assert json.loads(run("get", job_id, "--json").stdout)["state"] == "COMPLETED"
    listed = json.loads(run("jobs", "--label", "by=cli", "--limit", "1", "--json").stdout)
    assert [job["id"] for job in listed] == [job_id]


def test_a_job_that_fails_or_is_cancelled_ends_with_one(run):
    job_id = run("submit", "download", "asl", "vgt", "lstm", "--force").stdout.strip()
    assert run("cancel", job_id).returncode == 0
    watched = run("watch", job_id)
    assert watched.returncode == 1
    assert watched.stdout.startswith(f"CANCELLED {job_id}")


def test_a_problem_ends_with_two_and_says_what_is_wrong(run):
    refused = run("submit", "inference", "--model", "nonsense", "--image", str(photo("nocurl")), "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "/model: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_models_and_devices_for_scripts_and_for_people(run):
    models = {model["name"]: model for model in json.loads(run("models", "--json").stdout)}
    assert models["asl"]["licence"] == "GPL-3.0-or-later"
    assert models["asl"]["installed"]["variants"] == ["openvino-FP32"]
    (device,) = json.loads(run("devices", "--json").stdout)
    assert device["id"] == "CPU"
    assert "GPL-3.0-or-later" in run("models").stdout
    assert device["full_name"] in run("devices").stdout


def test_what_is_installed_is_not_downloaded_again(run):
    done = run("submit", "download", "asl", "vgt", "--wait", "--json")
    assert done.returncode == 0
    result = json.loads(done.stdout)["outcome"]["result"]
    assert result["downloaded_bytes"] == 0
    assert {model["name"] for model in result["models"]} == {"hand_landmarker", "asl", "vgt"}
