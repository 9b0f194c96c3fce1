"""Handing in a job, and what comes back."""

import asyncio
import base64
import io
import json
from typing import Any

import httpx2
import pytest
from PIL import Image

from api.dependencies import preferred_wait
from shared.packing import InferenceTask
from tests.support.gateway import HAND, SPEC, House, worker

ID = "0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"


def photo() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "JPEG")
    return content.getvalue()


async def test_job_is_accepted_kept_and_queued(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC | {"priority": 7, "labels": {"camera": "door"}})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"http://127.0.0.1/api/v1/jobs/{job['id']}" == job["links"]["self"]
    assert job["links"]["stream"] == f"ws://127.0.0.1/api/v1/ws/jobs/{job['id']}"
    assert (job["state"], job["lane"], job["priority"], job["seq"]) == ("PENDING", "cpu", 7, 1)
    assert job["labels"] == {"camera": "door"}
    assert not {"spec", "fence", "fingerprint"} & set(job)
    message = house.queue.take("cpu")
    assert message is not None
    assert (message.job_id, message.task) == (job["id"], "framelane.inference")
    assert house.attempts.unpublished(0) == []


async def test_request_id_and_trace_travel_with_the_message(client: httpx2.AsyncClient, house: House) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given = {"X-Request-ID": "mine-1", "traceparent": trace}
    answer = await client.post("/api/v1/jobs", json=SPEC, headers=given)
    assert answer.headers["x-request-id"] == "mine-1"
    message = house.queue.take("cpu")
    assert message is not None
    assert message.headers == {"request_id": "mine-1", "traceparent": trace, "about": "inference/asl"}


async def test_strange_request_id_is_replaced(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": "two words"})
    assert len(answer.headers["x-request-id"]) == 32


async def test_waiting_answers_the_ended_job(client: httpx2.AsyncClient, house: House) -> None:
    asked = asyncio.create_task(client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=30"}))
    await house.answer_next()
    answer = await asked
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json()["outcome"]["result"]["predictions"][0]["label"] == "b"


async def test_wait_that_runs_out_answers_the_accepted_job(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")
    answer = await client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
    assert house.attempts.unpublished(0) == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ('Wait = "7" ; x', 7),
        ("wait=600", 60),
        ("wait=-5", None),
        ("wait=soon", None),
        ("await=5", None),
    ],
)
def test_preferred_wait(header: str | None, seconds: int | None) -> None:
    assert preferred_wait(header, 60) == seconds


async def test_inputs_are_packed_beside_the_record(client: httpx2.AsyncClient, house: House) -> None:
    picture = photo()
    inputs: list[dict[str, Any]] = [
        {"landmarks": HAND},
        {"landmarks": HAND},
        {"data": base64.b64encode(picture).decode()},
        {"file": "second"},
        {"tensor": {"shape": [3, 63], "file": "rows"}},
    ]
    rows = bytes(3 * 63 * 4)
    answer = await client.post(
        "/api/v1/jobs",
        data={"spec": json.dumps(SPEC | {"inputs": inputs})},
        files={"second": ("x.jpg", picture, "image/jpeg"), "rows": ("rows.bin", rows, "application/octet-stream")},
    )
    assert answer.status_code == 202, answer.text
    claim = house.claim(answer.json()["id"])
    assert isinstance(claim.job.spec, InferenceTask)
    assert [(item.kind, item.rows) for item in claim.job.spec.inputs] == [
        ("landmarks", 2),
        ("image", 1),
        ("image", 1),
        ("tensor", 3),
    ]
    assert claim.blobs[1:] == [picture, picture, rows]
    assert len(claim.blobs[0]) == 2 * 63 * 4


async def test_spec_may_be_a_file_part(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/jobs", files={"spec": ("spec.json", json.dumps(SPEC), "application/json")})
    assert answer.status_code == 202


async def test_same_id_is_the_same_job(client: httpx2.AsyncClient, house: House) -> None:
    first = await client.put(f"/api/v1/jobs/{ID}", json=SPEC)
    again = await client.put(f"/api/v1/jobs/{ID.upper()}", json=SPEC | {"priority": 5, "labels": {}})
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"] == ID
    assert house.queue.depth("cpu") == 1


async def _nobody_lives(client: httpx2.AsyncClient, house: House) -> None:
    """The gateway has seen it too: who asks for the workers makes it look."""
    house.beacon.withdraw("cpu-1")
    workers = (await client.get("/api/v1/workers")).json()["workers"]
    assert "cpu-1" not in [worker["id"] for worker in workers]


async def test_known_job_is_found_when_nobody_could_take_it_now(client: httpx2.AsyncClient, house: House) -> None:
    await client.put(f"/api/v1/jobs/{ID}", json=SPEC)
    await _nobody_lives(client, house)
    again = await client.put(f"/api/v1/jobs/{ID}", json=SPEC)
    assert (again.status_code, again.json()["id"]) == (200, ID)
    other = await client.put(f"/api/v1/jobs/{ID}", json=SPEC | {"priority": 1})
    assert (other.status_code, other.json()["type"]) == (409, "urn:framelane:error:job-conflict")


async def test_known_key_is_found_when_no_worker_lives(client: httpx2.AsyncClient, house: House) -> None:
    key = {"Idempotency-Key": "order-68"}
    first = await client.post("/api/v1/jobs", json=SPEC, headers=key)
    await _nobody_lives(client, house)
    again = await client.post("/api/v1/jobs", json=SPEC, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await client.post("/api/v1/jobs", json=SPEC | {"priority": 1}, headers=key)
    assert (other.status_code, other.json()["type"]) == (409, "urn:framelane:error:job-conflict")
    stranger = await client.post("/api/v1/jobs", json=SPEC)
    assert stranger.json()["type"] == "urn:framelane:error:device-unavailable"
    assert house.kept == [first.json()["id"]]


async def test_device_nobody_has_is_no_reason_to_forget(client: httpx2.AsyncClient, house: House) -> None:
    await client.put(f"/api/v1/jobs/{ID}", json=SPEC)
    await _nobody_lives(client, house)
    other = await client.put(f"/api/v1/jobs/{ID}", json=SPEC | {"device": "GPU"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:framelane:error:job-conflict")


async def test_same_key_is_the_same_job(client: httpx2.AsyncClient, house: House) -> None:
    key = {"Idempotency-Key": "order-66"}
    answers = await asyncio.gather(*(client.post("/api/v1/jobs", json=SPEC, headers=key) for _ in range(20)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    assert (len(house.kept), house.queue.depth("cpu")) == (1, 1)
    other = await client.post("/api/v1/jobs", json=SPEC | {"priority": 1}, headers=key)
    assert (other.status_code, other.json()["type"]) == (409, "urn:framelane:error:job-conflict")


async def test_waiting_again_by_key_follows_the_first_job(client: httpx2.AsyncClient, house: House) -> None:
    key = {"Idempotency-Key": "order-67"}
    first = (await client.post("/api/v1/jobs", json=SPEC, headers=key)).json()["id"]
    again = asyncio.create_task(client.post("/api/v1/jobs", json=SPEC, headers=key | {"Prefer": "wait=30"}))
    assert await house.answer_next() == first
    answer = await again
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, first, "COMPLETED")


async def test_retry_makes_a_new_job_of_a_failed_one(client: httpx2.AsyncClient, house: House) -> None:
    body = {"spec": json.dumps(SPEC | {"inputs": [{"file": "hand"}], "labels": {"a": "b"}})}
    old = (await client.post("/api/v1/jobs", data=body, files={"hand": ("h.jpg", photo())})).json()["id"]
    house.fail(await house.take())
    answer = await client.post(f"/api/v1/jobs/{old}/retry")
    job = answer.json()
    assert (answer.status_code, job["retry_of"], job["labels"]) == (202, old, {"a": "b"})
    assert job["id"] != old
    assert house.claim(await house.take()).blobs == [photo()]


async def test_retry_of_a_cancelled_job_can_be_waited_for(client: httpx2.AsyncClient, house: House) -> None:
    old = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    await client.post(f"/api/v1/jobs/{old}/cancel")
    await house.take()
    asked = asyncio.create_task(client.post(f"/api/v1/jobs/{old}/retry", headers={"Prefer": "wait=30"}))
    await house.answer_next()
    answer = await asked
    assert (answer.status_code, answer.json()["state"], answer.json()["retry_of"]) == (200, "COMPLETED", old)


async def test_retry_with_the_key_of_the_first_request(client: httpx2.AsyncClient, house: House) -> None:
    """The key names the job that failed: to answer with it would look as if it were tried again."""
    key = {"Idempotency-Key": "order-69"}
    old = (await client.post("/api/v1/jobs", json=SPEC, headers=key)).json()["id"]
    house.fail(await house.take())
    answer = await client.post(f"/api/v1/jobs/{old}/retry", headers=key)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:job-conflict")
    assert house.kept == [old]


async def test_retry_with_a_key_is_one_retry(client: httpx2.AsyncClient, house: House) -> None:
    key = {"Idempotency-Key": "order-70"}
    old = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    house.fail(await house.take())
    answers = [await client.post(f"/api/v1/jobs/{old}/retry", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert len({answer.json()["id"] for answer in answers} - {old}) == 1
    assert [answer.json()["retry_of"] for answer in answers] == [old, old]
    # A fresh request with that key asks for something else.
    assert (await client.post("/api/v1/jobs", json=SPEC, headers=key)).status_code == 409


async def test_retry_of_a_job_that_went_well(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    for _ in range(2):
        answer = await client.post(f"/api/v1/jobs/{job_id}/retry")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:illegal-transition")
        if house.queue.depth("cpu"):
            await house.answer_next()
    assert len(house.kept) == 1


async def test_retry_after_the_inputs_are_gone(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    house.fail(await house.take())
    clock = house.jobs.clock
    house.jobs.clock = lambda: clock() + (house.settings.jobs.inputs_ttl_s + 1) * 1_000_000
    answer = await client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:framelane:error:inputs-expired")
    assert house.kept == [job_id]


async def test_lane_with_the_least_wait_is_taken(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.announce(worker("gpu"), 60)
    lanes = [(await client.post("/api/v1/jobs", json=SPEC)).json()["lane"] for _ in range(6)]
    # Both have two slots; the accelerator goes first among equals, and what was just sent counts at once.
    assert lanes == ["gpu", "cpu"] * 3


async def test_model_that_runs_on_cpu_only_is_not_sent_to_the_gpu(
    client: httpx2.AsyncClient, house: House
) -> None:
    house.beacon.announce(worker("gpu"), 60)
    picture = {"data": base64.b64encode(photo()).decode()}
    answer = await client.post("/api/v1/jobs", json=SPEC | {"model": "hand_landmarker", "inputs": [picture]})
    assert answer.json()["lane"] == "cpu"


async def test_downloads_go_to_the_io_lane_installed_or_not(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.uninstall("asl")
    answer = await client.post("/api/v1/jobs", json={"kind": "model_download", "models": ["asl"]})
    assert (answer.status_code, answer.json()["lane"]) == (202, "io")


async def test_lane_that_just_came_up_is_found(client: httpx2.AsyncClient, house: House) -> None:
    await client.post("/api/v1/jobs", json=SPEC)
    house.beacon.announce(worker("npu"), 60)
    answer = await client.post("/api/v1/jobs", json=SPEC | {"device": "NPU"})
    assert (answer.status_code, answer.json()["lane"]) == (202, "npu")
