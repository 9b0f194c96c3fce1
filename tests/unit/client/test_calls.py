"""Requests as they are made, and answers as they are read, without a network."""

import hashlib
import json
from pathlib import Path

import pytest

from client.sdk import ApiProblem, BrokenRule, ClientError, ConnectionFailed, NothingDetected, WaitTimeout, calls
from client.sdk.problems import problem_of
from client.sdk.saving import DownloadBroken, Saving
from shared.inputs import HAND_POINTS, LandmarksInput, Point
from shared.jobs import ArtifactRef
from shared.specs import JOB_SPEC, InferenceSpec, ModelDownloadSpec

HAND = [Point(x=0.1 * n, y=0.5, z=-0.01) for n in range(HAND_POINTS)]
PROBLEM = {
    "type": "urn:framelane:error:invalid-spec",
    "title": "The request breaks one or more rules",
    "status": 422,
    "detail": "2 broken rules",
    "errors": [{"pointer": "/model", "message": "unknown"}, {"pointer": "", "message": "too much"}],
}


def submission(spec, **given):
    return calls.submit(spec, **{"wait": None, "idempotency_key": None, "files": None, "job_id": None, **given})


@pytest.mark.parametrize(
    "spec",
    [
        ModelDownloadSpec(models=["asl"], labels={"a": "b"}),
        InferenceSpec(model="asl", inputs=[LandmarksInput(landmarks=HAND)], device="CPU"),
    ],
)
def test_a_typed_spec_means_the_same_on_the_other_side(spec):
    assert JOB_SPEC.validate_json(submission(spec).content) == spec


def test_a_spec_as_a_mapping_goes_as_it_is_even_if_it_is_wrong():
    assert json.loads(submission({"kind": "nonsense", "x": 1}).content) == {"kind": "nonsense", "x": 1}


def test_files_travel_beside_the_spec(tmp_path: Path):
    photo = tmp_path / "hand.jpg"
    photo.write_bytes(b"jpeg")
    call = submission({"kind": "inference"}, files={"photo": photo, "raw": b"bytes"})
    assert call.content is None
    assert [(name, part[0], part[2]) for name, part in call.files] == [
        ("spec", "spec.json", "application/json"),
        ("photo", "hand.jpg", "image/jpeg"),
        ("raw", "raw", "application/octet-stream"),
    ]
    assert [part[1] for _, part in call.files] == [b'{"kind": "inference"}', b"jpeg", b"bytes"]


def test_waiting_is_asked_for_in_whole_seconds_up_to_a_minute_and_given_time():
    call = submission({}, wait=0.2, idempotency_key="k")
    assert call.headers["Prefer"] == "wait=1"
    assert call.headers["Idempotency-Key"] == "k"
    longest = submission({}, wait=1000)
    assert longest.headers["Prefer"] == "wait=60"
    assert longest.timeout_s > 60
    assert "Prefer" not in submission({}).headers


def test_an_id_of_the_clients_own_is_put():
    call = submission({}, job_id="a/b")
    assert (call.method, call.path) == ("PUT", "/api/v1/jobs/a%2Fb")


def test_filters_become_a_query():
    call = calls.jobs(kind=None, state="FAILED", device=None, labels={"a": "x y", "b": "1"}, limit=5, cursor=None)
    assert call.path == "/api/v1/jobs?state=FAILED&limit=5&label=a%3Ax+y&label=b%3A1"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h:1", "ws://h:1/api/v1/ws/jobs/j?after_seq=0"),
        ("https://h/root", "wss://h/root/api/v1/ws/jobs/j?after_seq=0"),
    ],
)
def test_the_websocket_goes_where_the_gateway_is(base, url):
    assert calls.stream_url(base, "j", 0) == url


@pytest.mark.parametrize("given", [{}, {"landmarks": HAND, "image": b"x"}])
def test_a_prediction_needs_exactly_one_input(given):
    with pytest.raises(ValueError, match="exactly one"):
        calls.predict("asl", **{"landmarks": None, "sequence": None, "image": None, "options": {}, **given})


def test_a_problem_names_every_broken_rule():
    problem = problem_of(422, {}, json.dumps(PROBLEM).encode())
    assert (problem.status, problem.code) == (422, "invalid-spec")
    assert problem.errors == (BrokenRule("/model", "unknown"), BrokenRule("", "too much"))
    assert str(problem) == (
        "The request breaks one or more rules\n  /model: unknown\n  /: too much (422 invalid-spec)"
    )


def test_a_problem_says_when_to_come_back():
    body = {"type": "urn:framelane:error:broker-unavailable", "title": "The queue can't be reached"}
    problem = problem_of(503, {"retry-after": "5"}, json.dumps(body).encode())
    assert problem.retry_after_s == 5
    assert isinstance(problem, ClientError)


def test_nothing_detected_can_be_caught_by_its_name():
    body = json.dumps({"type": "urn:framelane:error:nothing-detected", "title": "Nothing"}).encode()
    assert isinstance(problem_of(404, {}, body), NothingDetected)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"[1]", b"\xff"])
def test_an_error_that_is_no_problem_document_is_still_one(body):
    problem = problem_of(502, {}, body)
    assert (problem.status, problem.code) == (502, "http-502")


def test_an_answer_of_somebody_else_is_not_taken_for_a_job():
    with pytest.raises(ConnectionFailed, match=r"http://other .*isn't a gateway"):
        calls.get("j").read("http://other", 200, {}, b'{"hello": 1}')


def test_an_error_is_raised_while_reading():
    with pytest.raises(ApiProblem):
        calls.get("j").read("http://x", 404, {}, b"")


def test_a_prediction_that_takes_too_long_hands_over_the_job():
    running = {
        "id": "j", "kind": "inference", "state": "RUNNING", "device": "CPU", "lane": "cpu", "priority": 5,
        "labels": {}, "attempt": 0, "progress": {}, "cancel_requested": False, "created_at": "2026-01-01T00:00:00Z",
        "started_at": None, "finished_at": None, "queue_wait_ms": None, "run_ms": None, "outcome": None,
        "attempts": [], "artifacts": [], "seq": 2,
    }  # fmt: skip
    call = calls.predict("asl", landmarks=HAND, sequence=None, image=None, options={"mirror": True, "top_k": 2})
    assert call.path == "/api/v1/gestures/asl/predict?mirror=true&top_k=2"
    with pytest.raises(WaitTimeout, match="still RUNNING") as caught:
        call.read("http://x", 202, {}, json.dumps(running).encode())
    assert caught.value.job.id == "j"


def artifact(content: bytes) -> ArtifactRef:
    return ArtifactRef(
        name="a.png", size=len(content), sha256=hashlib.sha256(content).hexdigest(), media_type="image/png"
    )


def test_a_download_appears_when_it_is_whole(tmp_path: Path):
    with Saving(artifact(b"onetwo"), tmp_path) as saving:
        saving.write(b"one")
        assert not saving.path.exists()
        saving.write(b"two")
    assert (tmp_path / "a.png").read_bytes() == b"onetwo"


def test_a_download_with_other_bytes_leaves_nothing(tmp_path: Path):
    with pytest.raises(DownloadBroken, match="sha256"), Saving(artifact(b"onetwo"), tmp_path / "x") as saving:
        saving.write(b"one")
    assert list(tmp_path.iterdir()) == []


def break_off(target: Path) -> None:
    with Saving(artifact(b"onetwo"), target) as saving:
        saving.write(b"one")
        raise OSError("reset")


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path):
    with pytest.raises(OSError, match="reset"):
        break_off(tmp_path)
    assert list(tmp_path.iterdir()) == []
