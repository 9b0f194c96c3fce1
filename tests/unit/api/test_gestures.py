"""Questions answered at once."""

import asyncio
import io
from array import array
from typing import Any

import httpx2
import pytest
from PIL import Image

from api import problems
from shared.catalogue import load_catalogue
from shared.jobs import ArtifactRef, ErrorInfo
from shared.msgpacked import packed
from shared.packing import InferenceTask
from shared.results import DetectedHand, GesturePrediction, KeypointsPrediction, Prediction, Score
from shared.settings import JobSettings, Settings
from tests.support.gateway import HAND, House, calling

POSE = [point | {"visibility": 0.9} for point in (HAND + HAND)[:33]]
FOUND = DetectedHand.model_validate({"handedness": "Left", "score": 0.97, "landmarks": HAND})


def photo() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "PNG")
    return content.getvalue()


PICTURE = {"image": ("hand.png", photo(), "image/png")}


async def asked(
    client: httpx2.AsyncClient, house: House, url: str, *answers: Prediction, **body: Any
) -> httpx2.Response:
    """The answer of the gateway while a worker answers ``answers``."""
    asking = asyncio.create_task(client.post(f"/api/v1/{url}", **body))
    await house.answer_next(*answers)
    return await asking


async def test_landmarks_become_a_letter(client: httpx2.AsyncClient, house: House) -> None:
    answer = await asked(client, house, "gestures/asl/predict", json={"landmarks": HAND})
    told = answer.json()
    assert answer.status_code == 200
    assert (told["prediction"], told["confidence"], told["top"]) == ("b", 0.9, [{"label": "b", "confidence": 0.9}])
    assert (told["model"], told["device"], told["runtime"]) == ("asl", "CPU", "torch")
    assert (told["handedness"], told["landmarks"], told["artifacts"]) == (None, None, [])
    assert told["job_id"] in house.kept
    timings = told["timings"]
    assert timings["model_ms"] == 0.5
    assert timings["total_ms"] == pytest.approx(timings["queue_wait_ms"] + timings["run_ms"], abs=0.01)


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/msgpack"])
@pytest.mark.parametrize("name", ["landmarks", "sequence"])
async def test_numbers_may_come_as_they_are_kept(
    client: httpx2.AsyncClient, house: House, kind: str, name: str
) -> None:
    model, columns, frames = ("asl", 63, 1) if name == "landmarks" else ("lstm", 258, 3)
    raw = array("f", [number / 1000 for number in range(columns * frames)]).tobytes()
    body = raw if kind == "application/octet-stream" else packed({name: raw})
    answer = await asked(client, house, f"gestures/{model}/predict", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200
    job = house.jobs.kept(answer.json()["job_id"])
    assert isinstance(job.record.spec, InferenceTask)
    assert [(item.kind, item.rows) for item in job.record.spec.inputs] == [(name, frames)]
    assert job.blobs == [raw]


async def test_the_same_question_in_another_form_is_the_same(client: httpx2.AsyncClient, house: House) -> None:
    raw = array("f", [point[axis] for point in HAND for axis in "xyz"]).tobytes()
    octets = {"content": raw, "headers": {"Content-Type": "application/octet-stream"}}
    spec = {"kind": "inference", "model": "asl", "inputs": [{"landmarks": HAND}], "options": {"top_k": 3}}
    told = [
        await asked(client, house, "gestures/asl/predict", **body)
        for body in ({"json": {"landmarks": HAND}}, octets)
    ]
    ids = [answer.json()["job_id"] for answer in told]
    ids.append(
        (await client.post("/api/v1/jobs", json=spec | {"options": {"top_k": 3, "min_confidence": 0.0}})).json()[
            "id"
        ]
    )
    assert len({house.jobs.kept(job_id).record.fingerprint for job_id in ids}) == 1


async def test_a_photo_may_be_the_body(client: httpx2.AsyncClient, house: House) -> None:
    seen = GesturePrediction(label="c", confidence=0.8, top=[Score(label="c", confidence=0.8)], hand=FOUND)
    body = {"content": photo(), "headers": {"Content-Type": "image/png"}}
    answer = await asked(client, house, "gestures/vgt/predict", seen, **body)
    assert (answer.status_code, answer.json()["prediction"]) == (200, "c")
    assert house.jobs.kept(answer.json()["job_id"]).blobs == [photo()]


_NUMBERS: dict[str, tuple[str, bytes, int, str]] = {
    "too few": ("application/octet-stream", bytes(248), 422, ""),
    "none": ("application/octet-stream", b"", 422, ""),
    "not finite": ("application/octet-stream", b"\x00\x00\xc0\x7f" * 63, 422, ""),
    "far away": ("application/octet-stream", array("f", [2e6] * 63).tobytes(), 422, ""),
    "not msgpack": ("application/msgpack", b"\xc1", 400, ""),
    "no map": ("application/msgpack", b"\x01", 400, ""),
    "another field": ("application/msgpack", packed({"points": bytes(252)}), 422, ""),
    "the other form": ("application/msgpack", packed({"sequence": bytes(252)}), 422, "/sequence"),
    "not bytes": ("application/msgpack", packed({"landmarks": "text"}), 422, ""),
}


@pytest.mark.parametrize("case", _NUMBERS)
async def test_numbers_that_are_none(client: httpx2.AsyncClient, house: House, case: str) -> None:
    kind, body, status, pointer = _NUMBERS[case]
    answer = await client.post("/api/v1/gestures/asl/predict", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert [each["pointer"] for each in answer.json().get("errors", [])] == ([pointer] if status == 422 else [])
    assert not house.kept


async def test_photo_becomes_a_letter_with_the_hand_it_shows(client: httpx2.AsyncClient, house: House) -> None:
    seen = GesturePrediction(label="c", confidence=0.8, top=[Score(label="c", confidence=0.8)], hand=FOUND)
    answer = await asked(client, house, "gestures/vgt/predict", seen, files=PICTURE)
    told = answer.json()
    assert (answer.status_code, told["prediction"], told["handedness"]) == (200, "c", "Left")
    assert told["landmarks"] == HAND
    assert house.jobs.kept(told["job_id"]).blobs == [photo()]


async def test_movement_becomes_a_word(client: httpx2.AsyncClient, house: House) -> None:
    frames = [{"pose": POSE, "left_hand": HAND}, {}, {"right_hand": None}]
    answer = await asked(client, house, "gestures/lstm/predict", json={"sequence": frames})
    assert answer.status_code == 200
    record = house.jobs.kept(answer.json()["job_id"]).record
    assert isinstance(record.spec, InferenceTask)
    assert [(item.kind, item.rows) for item in record.spec.inputs] == [("sequence", 3)]


async def test_query_becomes_options(client: httpx2.AsyncClient, house: House) -> None:
    query = "top_k=7&min_confidence=0.25&mirror=true&annotate=1&runtime=openvino&device=CPU&priority=9"
    answer = await asked(client, house, f"gestures/asl/predict?{query}", json={"landmarks": HAND})
    spec = house.jobs.kept(answer.json()["job_id"]).record.spec
    assert isinstance(spec, InferenceTask)
    assert (spec.model, spec.device, spec.priority) == ("asl", "CPU", 9)
    assert spec.options.model_dump() == {
        "top_k": 7,
        "min_confidence": 0.25,
        "mirror": True,
        "annotate": True,
        "runtime": "openvino",
        "precision": None,
    }


async def test_label_below_the_wanted_confidence_is_null(client: httpx2.AsyncClient, house: House) -> None:
    unsure = GesturePrediction(top=[Score(label="b", confidence=0.2)])
    answer = await asked(client, house, "gestures/asl/predict", unsure, json={"landmarks": HAND})
    assert (answer.status_code, answer.json()["prediction"]) == (200, None)


async def test_artifacts_come_with_their_place(client: httpx2.AsyncClient, house: House) -> None:
    asking = asyncio.create_task(client.post("/api/v1/gestures/asl/predict?annotate=true", files=PICTURE))
    claim = house.claim(await house.take())
    drawing = ArtifactRef(name="annotated-0.png", size=3, sha256="0" * 64, media_type="image/png")
    house.settle(claim, artifacts=(drawing,))
    (artifact,) = (await asking).json()["artifacts"]
    assert artifact["href"] == f"http://127.0.0.1/api/v1/jobs/{claim.job_id}/artifacts/annotated-0.png"


NOTHING = {
    "gestures/asl/predict": GesturePrediction(detected=False),
    "keypoints/hands": KeypointsPrediction(detected=False),
    "keypoints/pose": KeypointsPrediction(detected=False),
}


@pytest.mark.parametrize("url", NOTHING)
async def test_photo_that_shows_nothing(url: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await asked(client, house, url, NOTHING[url], files=PICTURE)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:framelane:error:nothing-detected")
    assert house.jobs.kept(answer.json()["job_id"]).record.state == "COMPLETED"


async def test_hands_of_a_photo(client: httpx2.AsyncClient, house: House) -> None:
    other = FOUND.model_copy(update={"handedness": "Right"})
    both = KeypointsPrediction(detected=True, hands=[FOUND, other])
    told = (await asked(client, house, "keypoints/hands", both, files=PICTURE)).json()
    assert (told["landmarks"], told["handedness"], told["score"]) == (HAND, "Left", 0.97)
    assert [hand["handedness"] for hand in told["hands"]] == ["Left", "Right"]
    spec = house.jobs.kept(told["job_id"]).record.spec
    assert isinstance(spec, InferenceTask)
    assert spec.model == "hand_landmarker"


async def test_pose_of_a_photo_is_a_frame_that_can_be_sent_back(client: httpx2.AsyncClient, house: House) -> None:
    person = KeypointsPrediction.model_validate({"detected": True, "pose": POSE, "left_hand": HAND})
    told = (await asked(client, house, "keypoints/pose", person, files=PICTURE)).json()
    frame = {part: told[part] for part in ("pose", "left_hand", "right_hand")}
    assert frame == {"pose": POSE, "left_hand": HAND, "right_hand": None}
    again = await asked(client, house, "gestures/lstm/predict", json={"sequence": [frame]})
    assert again.status_code == 200


async def test_wait_that_runs_out_answers_the_job() -> None:
    house = House(Settings(jobs=JobSettings(predict_wait_s=0.05)))
    async with calling(house) as client:
        answer = await client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND})
        assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
        assert answer.headers["location"] == answer.json()["links"]["self"]
        asking = asyncio.create_task(
            client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND}, headers={"Prefer": "wait=30"})
        )
        await house.answer_next()
        await house.answer_next()
        assert (await asking).status_code == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("input-unreadable", 422),
        ("timeout", 504),
        ("model-unusable", 500),
        ("lost", 503),
        ("worker-left", 503),
        ("poison", 422),
        ("out-of-space", 507),
        ("expired", 504),
    ],
)
async def test_failed_job_is_a_problem(code: str, status: int, client: httpx2.AsyncClient, house: House) -> None:
    asking = asyncio.create_task(client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND}))
    house.fail(await house.take(), code, "because")
    answer = await asking
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["detail"]) == (
        status,
        f"urn:framelane:error:{code}",
        "because",
    )
    assert problem["job_id"] in house.kept
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("code", "retryable", "status", "retry_after"),
    [
        ("new-code", False, 500, None),
        ("new-code", True, 503, "1"),
        ("lost", True, 503, "1"),
        ("store-unavailable", True, 503, "1"),
        ("device-unavailable", True, 503, "5"),
        ("source-unavailable", True, 502, "1"),
        ("input-unreadable", False, 422, None),
    ],
)
def test_failure_that_may_pass_says_when_to_try_again(
    code: str, retryable: bool, status: int, retry_after: str | None
) -> None:
    error = ErrorInfo(code=code, title="It can't be", detail="because", retryable=retryable)
    answer = problems.of_failure(error, "/here", "a-job")
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)


async def test_cancelled_job_is_a_conflict(client: httpx2.AsyncClient, house: House) -> None:
    asking = asyncio.create_task(client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND}))
    await client.post(f"/api/v1/jobs/{await house.take()}/cancel")
    answer = await asking
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:cancelled")


WRONG: dict[str, tuple[str, dict[str, Any], int, list[str]]] = {
    "twenty points": ("gestures/asl/predict", {"json": {"landmarks": HAND[:20]}}, 422, ["/landmarks"]),
    "both forms": ("gestures/asl/predict", {"json": {"landmarks": HAND, "sequence": [{}]}}, 422, [""]),
    "no form": ("gestures/asl/predict", {"json": {}}, 422, [""]),
    "an unknown field": ("gestures/asl/predict", {"json": {"landmarks": HAND, "top_k": 1}}, 422, ["/top_k"]),
    "a movement for letters": ("gestures/asl/predict", {"json": {"sequence": [{}]}}, 422, [""]),
    "a wrong frame": ("gestures/lstm/predict", {"json": {"sequence": [{}, {"pose": HAND}]}}, 422, ["/sequence/1/pose"]),
    "a photo for words": ("gestures/lstm/predict", {"files": PICTURE}, 422, [""]),
    "no photo": ("gestures/asl/predict", {"files": {"photo": ("x.png", photo())}}, 422, ["/photo", "/image"]),
    "an empty photo": ("keypoints/hands", {"files": {"image": ("x.png", b"")}}, 422, ["/image"]),
    "text for a photo": ("keypoints/pose", {"files": {"image": ("x.png", b"hello")}}, 422, ["/image"]),
    "a wrong query": ("gestures/asl/predict?top_k=0&device=TPU", {"json": {"landmarks": HAND}}, 422, ["/device", "/top_k"]),
    "an unknown query": ("gestures/asl/predict?topk=1", {"json": {"landmarks": HAND}}, 422, ["/topk"]),
    "a runtime it hasn't": ("keypoints/hands?runtime=torch", {"files": PICTURE}, 422, ["/runtime"]),
    "a device it can't": ("keypoints/hands?device=NPU", {"files": PICTURE}, 422, ["/device"]),
    "a JSON photo": ("keypoints/hands", {"json": {"landmarks": HAND}}, 415, []),
    "malformed JSON": (
        "gestures/asl/predict", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, [],
    ),
    "an unknown model": ("gestures/bsl/predict", {"json": {"landmarks": HAND}}, 404, []),
    "a model that names nothing": ("gestures/hand_landmarker/predict", {"files": PICTURE}, 404, []),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_question(name: str, client: httpx2.AsyncClient, house: House) -> None:
    url, body, status, pointers = WRONG[name]
    answer = await client.post(f"/api/v1/{url}", **body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert sorted(error["pointer"] for error in answer.json().get("errors", [])) == sorted(pointers)
    assert house.kept == []


async def test_models_and_classes(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.uninstall("lstm")
    models = {each["name"]: each for each in (await client.get("/api/v1/gestures/models")).json()["models"]}
    assert list(models) == [entry.name for entry in load_catalogue().root if entry.category == "gesture"]
    assert {"asl", "vgt", "lstm"} <= models.keys()
    assert models["asl"]["installed"]["version"] == "0" * 16
    assert models["lstm"]["installed"] is None
    classes = (await client.get("/api/v1/gestures/asl/classes")).json()["classes"]
    assert (len(classes), models["asl"]["classes"]) == (35, 35)
    missing = await client.get("/api/v1/gestures/bsl/classes")
    assert missing.status_code == 404
    assert "asl, vgt, lstm" in missing.json()["detail"]


async def test_catalogue(client: httpx2.AsyncClient) -> None:
    models = (await client.get("/api/v1/models")).json()["models"]
    names = [each["name"] for each in models]
    assert names == [entry.name for entry in load_catalogue().root]
    one = (await client.get("/api/v1/models/asl")).json()
    assert one == models[0]
    assert one["licence"] == "GPL-3.0-or-later"
    assert one["requires"] == {"image": ["hand_landmarker"]}
    assert len(one["sha256"]["weights.pth"]) == 64
    assert (await client.get("/api/v1/models/bsl")).json()["type"] == "urn:framelane:error:model-not-found"


async def test_a_route_that_takes_photos_only_says_so(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/keypoints/hands", json={})
    assert answer.status_code == 415
    assert answer.json()["detail"] == "send multipart/form-data or image/jpeg or image/png or image/webp"
    assert answer.headers["accept"] == "multipart/form-data, image/jpeg, image/png, image/webp"
