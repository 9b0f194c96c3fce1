"""Handing in a job, and what comes back."""

import asyncio

import pytest

from tests.support.gateway import SPEC, House, calling


@pytest.fixture
def house() -> House:
    return House()


async def test_job_is_accepted_kept_and_queued(house: House) -> None:
    async with calling(house) as client:
        answer = await client.post("/api/v1/jobs", json=SPEC | {"priority": 7, "labels": {"camera": "door"}})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"http://127.0.0.1/api/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["state"], job["lane"], job["priority"], job["seq"]) == ("PENDING", "cpu", 7, 1)
    assert not {"spec", "fence", "fingerprint"} & set(job)
    message = house.queue.take("cpu")
    assert message is not None
    assert (message.job_id, message.task) == (job["id"], "framelane.inference")
    assert message.headers["request_id"] == answer.headers["x-request-id"]
    assert house.attempts.unpublished(0) == []


async def test_waiting_answers_the_ended_job(house: House) -> None:
    async with calling(house) as client:
        asked = asyncio.create_task(client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=30"}))
        await house.answer_next()
        answer = await asked
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json()["outcome"]["result"]["predictions"][0]["label"] == "b"
