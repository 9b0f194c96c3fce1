"""The short way for plain questions answers as the route does."""

import asyncio
from typing import Any

import httpx2
import pytest

from shared.errors import CallerFull, QueueFull
from tests.support.gateway import HAND, House

URL = "/api/v1/gestures/{}/predict"
PLAIN: dict[str, Any] = {"json": {"landmarks": HAND}}
BODIES: dict[str, dict[str, Any]] = {
    "right": PLAIN,
    "not JSON": {"content": b"{", "headers": {"Content-Type": "application/json"}},
    "another field": {"json": {"landmarks": HAND, "more": 1}},
    "too few points": {"json": {"landmarks": HAND[:3]}},
    "nothing": {"json": {}},
    "too long": {"content": bytes(40_000_000), "headers": {"Content-Type": "application/octet-stream"}},
    "another form": {"json": {"sequence": [{}]}},
}


async def both(client: httpx2.AsyncClient, house: House, model: str, **body: Any) -> list[httpx2.Response]:
    """What a plain question is answered, and one with a query, which says nothing new."""
    answers: list[httpx2.Response] = []
    for query in ("", "?top_k=3"):
        asking = asyncio.create_task(client.post(URL.format(model) + query, **body))
        if body == PLAIN and model == "asl":
            await house.answer_next()
        answers.append(await asking)
    return answers


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("model", ["asl", "nobody"])
async def test_both_ways_say_the_same(client: httpx2.AsyncClient, house: House, model: str, case: str) -> None:
    short, long = await both(client, house, model, **BODIES[case])
    assert short.status_code == long.status_code
    own = {"job_id", "timings"}
    assert {name: value for name, value in short.json().items() if name not in own} == {
        name: value for name, value in long.json().items() if name not in own
    }
    assert {*short.headers} == {*long.headers}


async def test_the_short_way_keeps_the_same_job(client: httpx2.AsyncClient, house: House) -> None:
    short, long = await both(client, house, "asl", **PLAIN)
    first, second = (house.jobs.kept(answer.json()["job_id"]) for answer in (short, long))
    assert (first.record.spec, first.record.fingerprint, first.blobs) == (
        second.record.spec,
        second.record.fingerprint,
        second.blobs,
    )
    assert first.headers["request_id"] == short.headers["x-request-id"]


@pytest.mark.parametrize(("error", "status"), [(QueueFull, 503), (CallerFull, 429)])
@pytest.mark.parametrize("url", [URL.format("asl"), "/api/v1/jobs"])
async def test_a_full_lane_says_when_to_come_again(
    client: httpx2.AsyncClient, house: House, error: type[QueueFull | CallerFull], status: int, url: str
) -> None:
    limits = {"lane_depth": 2} if error is QueueFull else {"caller_depth": 2}
    house.jobs.limits = house.jobs.limits.model_copy(update=limits)
    spec = {"kind": "inference", "model": "asl", "inputs": [{"landmarks": HAND}]}
    for _ in range(2):
        assert (await client.post("/api/v1/jobs", json=spec)).status_code == 202
    answer = await client.post(url, json=spec if url.endswith("jobs") else PLAIN["json"])
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:framelane:error:{error.code}")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(house.kept) == 2
