"""The command line up to the point where a gateway is needed, and its errors."""

import base64
import io
import json
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client.cli import app, specs
from client.cli.output import PROBLEM, WrongUsage
from client.local.runfile import RunFile
from shared.specs import JOB_SPEC

POINTS = [{"x": 0.1, "y": 0.2, "z": 0.3}] * 21


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRAMELANE_URL", raising=False)
    return CliRunner()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "hand.jpg"
    path.write_bytes(b"jpeg")
    return path


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    path = tmp_path / "points.json"
    path.write_text(json.dumps(POINTS))
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_photos_go_as_files_and_landmarks_in_the_spec(photo: Path, landmarks: Path):
    asked = specs.Inference("asl", [photo], [landmarks], ["walk"], {"annotate": True})
    request = specs.inference(asked, specs.Common(device="CPU", labels=["a=b=c"]))
    assert request.files == {"image-0": photo}
    assert request.spec == {
        "kind": "inference",
        "model": "asl",
        "inputs": [{"file": "image-0"}, {"landmarks": POINTS}, {"media": "walk"}],
        "options": {"annotate": True},
        "device": "CPU",
        "labels": {"a": "b=c"},
    }


def test_more_photos_than_a_request_may_have_parts_go_inside_the_spec(photo: Path):
    asked = specs.Inference("asl", [photo] * specs.MOST_PARTS)
    assert len(specs.inference(asked, specs.Common()).files) == specs.MOST_PARTS

    one_more = specs.inference(specs.Inference("asl", [photo] * 61), specs.Common())
    assert one_more.files == {}
    assert one_more.spec["inputs"] == [{"data": base64.b64encode(b"jpeg").decode()}] * 61


def test_the_version(runner: CliRunner):
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"framelane {version('framelane')}\n")


def test_a_download_names_models():
    request = specs.download(["asl", "vgt"], specs.Common(priority=9), force=True)
    assert request.spec == {"kind": "model_download", "models": ["asl", "vgt"], "priority": 9, "force": True}


@pytest.mark.parametrize("way", ["file", "inline", "stdin"])
def test_a_written_spec_comes_from_anywhere(
    way: str, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
):
    text = '{"kind": "inference", "priority": 1}'
    (tmp_path / "spec.json").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    source = {"file": str(tmp_path / "spec.json"), "inline": text, "stdin": "-"}[way]
    request = specs.written(source, [f"photo={photo}"], specs.Common(priority=7))
    assert request.spec == {"kind": "inference", "priority": 7}
    assert request.files == {"photo": photo}


def test_a_variant_with_its_options_is_a_spec():
    asked = specs.Pipeline("cpu", ["bikes"], {"streams": 2, "output_mode": "file"})
    request = specs.pipeline(["person-detection"], asked, specs.Common(device="CPU"))
    assert request.spec == {
        "kind": "pipeline",
        "pipeline": {"source": "variant", "pipeline_id": "person-detection", "variant_id": "cpu"},
        "streams": 2,
        "output_mode": "file",
        "inputs": ["bikes"],
        "device": "CPU",
    }
    assert JOB_SPEC.validate_python(request.spec)


@pytest.mark.parametrize(
    ("source", "said"),
    [("nowhere.json", "no file nowhere.json"), ("{", "the given JSON isn't JSON"), ("[1]", r"no file \[1\]")],
)
def test_a_spec_that_cannot_be_read_says_why(source: str, said: str):
    with pytest.raises(WrongUsage, match=said):
        specs.written(source, [], specs.Common())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("submit inference --model asl", "at least one --image, --landmarks or --input"),
        ("submit inference --image hand.jpg", "needs --model"),
        ("submit download", "needs the names of models"),
        ("submit download asl --annotate", "belong to `submit inference`"),
        ("submit inference asl", "only `submit download`, `submit media`, `submit pipeline` take names"),
        ("submit media", "needs the names of media"),
        ("submit pipeline person-detection", "needs one id and --variant"),
        ("submit pipeline --variant cpu", "needs one id and --variant"),
        ("submit download asl --streams 2", "belong to `submit pipeline`"),
        ("pipelines import none.yaml", "there is no file none.yaml"),
        ("pipelines --json list", "options go behind `list`"),
        ("submit inference --model asl --image none.jpg", "there is no file none.jpg"),
        ("jobs --label nonsense", "--label takes NAME=VALUE"),
        ("watch 1", "nothing runs on .framelane"),
        ("submit inference --model asl --image hand.jpg --save hand.jpg", "--save hand.jpg: File exists"),
        ("up --lanes cpu,tpu", "unknown lane 'tpu'"),
    ],
)
def test_wrong_usage_is_a_sentence_on_stderr(runner: CliRunner, photo: Path, arguments: str, said: str):
    result = runner.invoke(app, arguments.split())
    assert result.exit_code == PROBLEM
    assert said in result.stderr.replace("\n", " ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", ["jobs --state", "submit", "nonsense", "up --port 70000", "submit x --priority 10"]
)
def test_usage_that_the_parser_refuses_has_the_same_code(runner: CliRunner, arguments: str):
    result = runner.invoke(app, arguments.split())
    assert (result.exit_code, result.stdout) == (PROBLEM, "")


@pytest.mark.parametrize("how", ["option", "environment", "run file"])
def test_no_answer_names_the_address_and_the_remedy(runner: CliRunner, how: str):
    url = f"http://127.0.0.1:{free_port()}"
    RunFile(url=url if how == "run file" else "http://127.0.0.1:1", pid=1).write(Path(_made(".framelane")))
    option = ["--url", url] if how == "option" else []
    result = runner.invoke(
        app, ["jobs", "--json", *option], env={"FRAMELANE_URL": url if how == "environment" else None}
    )
    assert result.exit_code == PROBLEM
    said = result.stderr.replace("\n", " ")
    assert url in said
    assert "framelane up" in said
    assert result.stdout == ""
    assert "Traceback" not in said


def _made(folder: str) -> str:
    Path(folder).mkdir()
    return folder


def test_help_tells_the_exit_codes(runner: CliRunner):
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "1 the job failed" in " ".join(result.stdout.split())
