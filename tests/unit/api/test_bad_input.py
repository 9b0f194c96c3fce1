"""What a caller gets for what can't be accepted: a clear problem, and no job."""

import base64
import io
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx2
import pytest
from PIL import Image

from shared.settings import LimitSettings, Settings
from shared.specs import JobKind
from tests.support.gateway import HAND, SPEC, House

LIMITS = LimitSettings(body_bytes=2_000_000, image_bytes=1_000_000, parts=4)


@pytest.fixture
def house() -> House:
    return House(Settings(limits=LIMITS))


def photo(kind: str = "JPEG", size: tuple[int, int] = (8, 6)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "teal").save(content, kind)
    return content.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A valid PNG of one colour: a megabyte that unfolds to gigabytes."""
    row = b"\x00" + b"\x00" * (side * 3)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(side // 100)) + packer.flush()

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_input(**item: Any) -> dict[str, Any]:
    return SPEC | {"inputs": [item]}


def with_photo(content: bytes) -> dict[str, Any]:
    return with_input(data=base64.b64encode(content).decode())


def without(point: dict[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in point.items() if key != name}


NAN = [HAND[0] | {"x": float("nan")}, *HAND[1:]]
INFINITE = [*HAND[:20], HAND[20] | {"z": float("inf")}]

WRONG_SPECS: dict[str, tuple[Any, dict[str, str]]] = {
    "twenty points": (with_input(landmarks=HAND[:20]), {"/inputs/0/landmarks": "at least 21"}),
    "twenty-two points": (with_input(landmarks=[*HAND, HAND[0]]), {"/inputs/0/landmarks": "at most 21"}),
    "not a number": (with_input(landmarks=NAN), {"/inputs/0/landmarks/0/x": "finite"}),
    "infinity": (with_input(landmarks=INFINITE), {"/inputs/0/landmarks/20/z": "finite"}),
    "a word for a number": (
        with_input(landmarks=[HAND[0] | {"y": "NaN"}, *HAND[1:]]),
        {"/inputs/0/landmarks/0/y": "valid number"},
    ),
    "a missing coordinate": (
        with_input(landmarks=[without(HAND[0], "z"), *HAND[1:]]),
        {"/inputs/0/landmarks/0/z": "required"},
    ),
    "an unknown model": (SPEC | {"model": "bsl"}, {"/model": "known models: asl, vgt, lstm"}),
    "an unknown device": (SPEC | {"device": "TPU"}, {"/device": "use AUTO, CPU, GPU"}),
    "an unknown field": (SPEC | {"prioritty": 3}, {"/prioritty": "not known here"}),
    "an unknown field of an input": (
        with_input(landmarks=HAND, hand="left"),
        {"/inputs/0/hand": "not known here"},
    ),
    "an input of no known form": (with_input(points=HAND), {"/inputs/0": "exactly one of"}),
    "no inputs": (SPEC | {"inputs": []}, {"/inputs": "at least 1"}),
    "an unknown kind": (SPEC | {"kind": "magic"}, {"/kind": "inference"}),
    "a list": ([SPEC], {"": "object"}),
    "an input the model doesn't take": (with_input(sequence=[{}]), {"/inputs/0": "landmarks, tensor, image"}),
    "a device the model can't use": (
        with_photo(photo()) | {"model": "hand_landmarker", "device": "GPU"},
        {"/device": "CPU only"},
    ),
    "a runtime the model can't use": (
        with_photo(photo()) | {"model": "hand_landmarker", "options": {"runtime": "torch"}},
        {"/options/runtime": "mediapipe only"},
    ),
    "a label with a slash": (SPEC | {"labels": {"a/b~" * 20: "x"}}, {"/labels/" + "a~1b~0" * 20: "at most 63"}),
    "base64 rubbish": (with_input(data="not base64!"), {"/inputs/0/data": "base64"}),
    "text posing as JPEG": (with_photo(b"Dear sir or madam"), {"/inputs/0/data": "not a JPEG"}),
    "a truncated JPEG": (with_photo(photo()[:-30]), {"/inputs/0/data": "truncated"}),
    "a GIF": (with_photo(photo("GIF")), {"/inputs/0/data": "not a JPEG"}),
    "a part that wasn't sent": (with_input(file="hand"), {"/inputs/0/file": "no part named 'hand'"}),
    "a short tensor": (
        with_input(tensor={"shape": [2, 63], "data": base64.b64encode(bytes(252)).decode()}),
        {"/inputs/0/tensor/data": "needs 504"},
    ),
    "a tensor with a NaN": (
        with_input(
            tensor={"shape": [1, 63], "data": base64.b64encode(struct.pack("<63f", *[float("nan")] * 63)).decode()}
        ),
        {"/inputs/0/tensor/data": "finite"},
    ),
    "models nobody knows": (
        {"kind": "model_download", "models": ["asl", "nope"]},
        {"/models/1": "known models"},
    ),
    "everything at once": (
        {
            "kind": "inference",
            "model": "bsl",
            "inputs": [{"landmarks": HAND[:3]}],
            "device": "TPU",
            "priority": 11,
            "x": 1,
        },
        {
            "/model": "known models",
            "/inputs/0/landmarks": "at least 21",
            "/device": "unknown device",
            "/priority": "less than or equal to 9",
            "/x": "not known here",
        },
    ),
    "wrong inputs of a known form together": (
        SPEC | {"inputs": [{"data": "?"}, {"landmarks": HAND}, {"sequence": [{}]}, {"file": "f"}]},
        {"/inputs/0/data": "base64", "/inputs/2": "doesn't take", "/inputs/3/file": "no part"},
    ),
}


@pytest.mark.parametrize("name", WRONG_SPECS)
async def test_wrong_spec(name: str, client: httpx2.AsyncClient, house: House) -> None:
    spec, expected = WRONG_SPECS[name]
    content = json.dumps(spec).encode()
    answer = await client.post("/api/v1/jobs", content=content, headers={"content-type": "application/json"})
    assert_problem(answer, 422, "invalid-spec")
    told = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert told.keys() == expected.keys()
    assert [pointer for pointer, word in expected.items() if word not in told[pointer]] == []
    assert house.kept == []


async def test_a_spec_without_a_kind_is_told_all_there_are(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json={"model": "asl"})
    assert_problem(answer, 422, "invalid-spec")
    kinds = ", ".join(get_args(JobKind))
    assert answer.json()["errors"] == [{"pointer": "/kind", "message": f"must be one of {kinds}"}]
    assert answer.json()["detail"] == "1 broken rule"
    assert house.kept == []


def assert_problem(answer: httpx2.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:framelane:error:{code}"
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.path
    assert problem["title"]
    assert problem["detail"]


async def test_huge_png_is_refused_on_its_header(client: httpx2.AsyncClient, house: House) -> None:
    bomb = huge_png()
    begun = time.process_time()
    answer = await client.post("/api/v1/jobs", json=with_photo(bomb))
    busy_s = time.process_time() - begun
    assert_problem(answer, 422, "invalid-spec")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/inputs/0/data"
    assert "30000 x 30000 pixels" in error["message"]
    assert busy_s < 1
    assert house.kept == []


@pytest.mark.parametrize(
    ("content", "word"), [(b"", "empty"), (b"text", "not a JPEG"), (photo()[:60], "truncated")]
)
async def test_wrong_photo_beside_the_spec(
    content: bytes, word: str, client: httpx2.AsyncClient, house: House
) -> None:
    answer = await client.post(
        "/api/v1/jobs",
        data={"spec": json.dumps(with_input(file="hand"))},
        files={"hand": ("hand.jpg", content, "image/jpeg")},
    )
    assert_problem(answer, 422, "invalid-spec")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/inputs/0/file"
    assert word in error["message"]
    assert house.kept == []


async def test_photo_over_its_limit(client: httpx2.AsyncClient, house: House) -> None:
    padded = photo("PNG") + bytes(LIMITS.image_bytes)
    answer = await client.post(
        "/api/v1/jobs", data={"spec": json.dumps(with_input(file="hand"))}, files={"hand": ("h.png", padded)}
    )
    assert_problem(answer, 422, "invalid-spec")
    assert f"at most {LIMITS.image_bytes}" in answer.json()["errors"][0]["message"]
    assert house.kept == []


MALFORMED = {
    "nothing": b"",
    "a broken object": b'{"kind": "infer',
    "no JSON": b"kind=inference",
    "bad text": b'"\xff\xfe"',
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_json(name: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post(
        "/api/v1/jobs", content=MALFORMED[name], headers={"content-type": "application/json"}
    )
    assert_problem(answer, 400, "malformed-json")
    assert house.kept == []


async def test_deeply_nested_json(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/jobs", content=b"[" * 100_000, headers={"content-type": "application/json"}
    )
    assert_problem(answer, 400, "malformed-json")


async def test_thousands_of_broken_rules_are_cut_short(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC | {"inputs": [{"landmarks": []}] * 1_000})
    problem = answer.json()
    assert len(problem["errors"]) == 100
    assert problem["errors_left_out"] == 900
    assert problem["detail"] == "1000 broken rules"


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_other_media_types(media_type: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", content=json.dumps(SPEC), headers={"content-type": media_type})
    assert_problem(answer, 415, "unsupported-media-type")
    assert "multipart/form-data" in answer.json()["detail"]
    assert house.kept == []


async def test_body_over_the_limit_by_its_length(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", content=b" " * (LIMITS.body_bytes + 1))
    assert_problem(answer, 413, "body-too-large")
    assert house.kept == []


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_body_over_the_limit_as_it_comes(media_type: str, client: httpx2.AsyncClient, house: House) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\ncontent-disposition: form-data; name="spec"; filename="s"\r\n\r\n'
        while sent < 10 * LIMITS.body_bytes:
            sent += 60_000
            yield b" " * 60_000

    answer = await client.post("/api/v1/jobs", content=endless(), headers={"content-type": media_type})
    assert_problem(answer, 413, "body-too-large")
    assert sent < 3 * LIMITS.body_bytes + 200_000  # a little more is read, so that the answer can be
    assert house.kept == []


MULTIPART: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "no spec": ({"files": {"hand": ("h.jpg", photo())}}, 422, "invalid-spec", "/spec"),
    "an unused part": (
        {"data": {"spec": json.dumps(SPEC)}, "files": {"hand": ("h.jpg", photo())}}, 422, "invalid-spec", "/hand",
    ),
    "a part that is no file": (
        {"data": {"spec": json.dumps(with_input(file="hand")), "hand": "me"}, "files": {}}, 415, "unsupported-media-type", None,
    ),
    "too many parts": (
        {"data": {"spec": json.dumps(SPEC)}, "files": [(f"part{n}", (f"{n}.jpg", b"x")) for n in range(LIMITS.parts + 1)]},
        413, "too-many-parts", None,
    ),
    "the spec twice": (
        {"files": [("spec", ("a", json.dumps(SPEC))), ("spec", ("b", json.dumps(SPEC)))]}, 422, "invalid-spec", "/spec",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MULTIPART)
async def test_wrong_multipart(name: str, client: httpx2.AsyncClient, house: House) -> None:
    body, status, code, pointer = MULTIPART[name]
    answer = await client.post("/api/v1/jobs", **body)
    assert_problem(answer, status, code)
    if pointer is not None:
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert house.kept == []


async def test_multipart_without_boundary(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", content=b"--x", headers={"content-type": "multipart/form-data"})
    assert_problem(answer, 400, "malformed-multipart")
    assert house.kept == []


async def test_device_nobody_has(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC | {"device": "GPU.1"})
    assert_problem(answer, 503, "device-unavailable")
    assert "live lanes: cpu, io" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "5"
    assert house.kept == []


async def test_model_that_is_not_installed(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.uninstall("asl")
    answer = await client.post("/api/v1/jobs", json=SPEC)
    assert_problem(answer, 409, "model-not-installed")
    assert '{"kind": "model_download", "models": ["asl"]}' in answer.json()["detail"]
    assert house.kept == []


async def test_photo_needs_the_model_that_finds_hands(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.uninstall("hand_landmarker")
    answer = await client.post("/api/v1/jobs", json=with_photo(photo()))
    assert_problem(answer, 409, "model-not-installed")
    assert '"models": ["hand_landmarker"]' in answer.json()["detail"]
    assert house.kept == []
    assert (await client.post("/api/v1/jobs", json=SPEC)).status_code == 202


async def test_used_id_with_another_spec(client: httpx2.AsyncClient, house: House) -> None:
    url = "/api/v1/jobs/0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"
    assert (await client.put(url, json=SPEC)).status_code == 202
    answer = await client.put(url, json=SPEC | {"priority": 1})
    assert_problem(answer, 409, "job-conflict")
    assert len(house.kept) == 1


async def test_id_that_is_no_uuid(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.put("/api/v1/jobs/my-job", json=SPEC)
    assert_problem(answer, 422, "invalid-spec")
    assert answer.json()["errors"] == [{"pointer": "/job_id", "message": "must be a UUID"}]
    assert house.kept == []


async def test_broker_that_is_gone(client: httpx2.AsyncClient, house: House) -> None:
    house.queue.down = True
    answer = await client.post("/api/v1/jobs", json=SPEC, headers={"Idempotency-Key": "once"})
    assert_problem(answer, 503, "broker-unavailable")
    assert answer.headers["retry-after"] == "1"
    assert house.kept == []
    house.queue.down = False
    assert (await client.post("/api/v1/jobs", json=SPEC, headers={"Idempotency-Key": "once"})).status_code == 202


QUERIES = {
    "/api/v1/jobs?limit=0": "/limit",
    "/api/v1/jobs?limit=1000": "/limit",
    "/api/v1/jobs?limit=many": "/limit",
    "/api/v1/jobs?state=ASLEEP": "/state",
    "/api/v1/jobs?kind=magic": "/kind",
    "/api/v1/jobs?device=TPU": "/device",
    "/api/v1/jobs?label=door": "/label/0",
    "/api/v1/jobs?cursor=%00": "/cursor",
    "/api/v1/jobs/0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f?wait=61": "/wait",
    "/api/v1/jobs/0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f?wait=-1": "/wait",
    "/api/v1/jobs/0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f/events?after_seq=-1": "/after_seq",
}


@pytest.mark.parametrize("url", QUERIES)
async def test_wrong_query(url: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get(url)
    assert_problem(answer, 422, "invalid-spec")
    assert [error["pointer"] for error in answer.json()["errors"]] == [QUERIES[url]]


async def test_unknown_paths_and_methods(client: httpx2.AsyncClient) -> None:
    assert_problem(await client.get("/api/v1/nothing"), 404, "not-found")
    answer = await client.patch("/api/v1/jobs")
    assert_problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("job_id", ["0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f", "nonsense", "..%2f..%2fetc", "%00"])
@pytest.mark.parametrize("path", ["", "/events", "/artifacts", "/artifacts/x"])
async def test_unknown_job(job_id: str, path: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/jobs/{job_id}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
