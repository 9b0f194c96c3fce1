"""The short way for plain questions answers as the route does."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from shared.errors import CallerFull, QueueFull
from tests.support.gateway import HAND, SPEC, House

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


async def both(
    client: httpx2.AsyncClient, house: House, model: str, query: str = "top_k=3", **body: Any
) -> list[httpx2.Response]:
    """What a plain question is answered, and one that says something twice, which goes the long way."""
    answers: list[httpx2.Response] = []
    for asked in (f"?{query}", f"?{query}&{query}"):
        asking = asyncio.create_task(client.post(URL.format(model) + asked, **body))
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


@pytest.mark.parametrize(
    "query",
    [
        "top_k=1",
        "min_confidence=0.5&runtime=openvino",
        "device=CPU&priority=9&mirror=true&annotate=0",
        "top_k=+7",
        "min_confidence=1e-1",
    ],
)
async def test_a_query_is_read_as_the_route_reads_it(client: httpx2.AsyncClient, house: House, query: str) -> None:
    short, long = await both(client, house, "asl", query, **PLAIN)
    first, second = (house.jobs.kept(answer.json()["job_id"]).record for answer in (short, long))
    assert (first.spec, first.fingerprint) == (second.spec, second.fingerprint)


@pytest.mark.parametrize("query", ["top_k=0", "top_k=", "nobody=1", "runtime=abacus", "top_k=three", "top_k"])
async def test_what_is_wrong_with_a_query_is_told(client: httpx2.AsyncClient, query: str) -> None:
    answer = await client.post(f"{URL.format('asl')}?{query}", **PLAIN)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].strip("/").split("/")[-1] == query.split("=", maxsplit=1)[0]


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


JOBS = "/api/v1/jobs"
SPECS: dict[str, dict[str, Any]] = {
    "one hand": SPEC,
    "a movement": SPEC | {"model": "lstm", "inputs": [{"sequence": [{"left_hand": HAND}] * 50}]},
    "everything said": SPEC
    | {
        "priority": 7,
        "labels": {"of": "a", "more": "b"},
        "timeout_s": 5,
        "expires_s": 60.5,
        "retention_s": 100,
        "max_attempts": 2,
        "device": "CPU",
        "options": {"top_k": 2, "min_confidence": 0.5, "mirror": True, "runtime": "openvino", "precision": "FP32"},
    },
    "two hands": SPEC | {"inputs": [{"landmarks": HAND}, {"landmarks": HAND}]},
    "another kind": {"kind": "model_download", "models": ["asl"]},
    "no such model": SPEC | {"model": "nobody"},
    "another model's input": SPEC | {"model": "lstm"},
    "a callback that is refused": SPEC | {"callback_url": "https://example.com/"},
    "wrong in two places": SPEC | {"priority": 10, "inputs": [{"landmarks": HAND[:3]}]},
    "not a spec": {},
}


@pytest.mark.parametrize("wait", [None, "wait=0"])
@pytest.mark.parametrize("case", SPECS)
async def test_jobs_are_taken_the_same_both_ways(
    client: httpx2.AsyncClient, house: House, case: str, wait: str | None
) -> None:
    body, said = json.dumps(SPECS[case]).encode(), {"Prefer": wait} if wait else {}
    short, again, long = [
        await client.post(JOBS, content=body, headers={"Content-Type": kind, **said})
        for kind in ("application/json", "application/json", "application/json; charset=utf-8")
    ]
    assert short.status_code == again.status_code == long.status_code
    assert {*short.headers} == {*again.headers} == {*long.headers}
    answers = [answer.json() for answer in (short, again, long)]
    own = {"id", "created_at", "links"}
    first, second, third = ({name: said[name] for name in said if name not in own} for said in answers)
    assert first == second == third
    if short.status_code == 202:
        kept = [house.jobs.kept(said["id"]) for said in answers]
        assert kept[0].record.spec == kept[1].record.spec == kept[2].record.spec
        assert kept[0].record.fingerprint == kept[1].record.fingerprint == kept[2].record.fingerprint
        assert kept[0].blobs == kept[1].blobs == kept[2].blobs
        assert short.json()["links"]["self"] == short.headers["location"]


async def test_labels_keep_the_order_of_their_own_job(client: httpx2.AsyncClient, house: House) -> None:
    both = [{"a": "1", "b": "2"}, {"b": "2", "a": "1"}]
    kept = [(await client.post(JOBS, json=SPEC | {"labels": labels})).json()["labels"] for labels in both]
    assert [list(labels) for labels in kept] == [["a", "b"], ["b", "a"]]


async def test_a_key_of_the_clients_is_kept_for_it(client: httpx2.AsyncClient) -> None:
    first, again = [await client.post(JOBS, json=SPEC, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    refused = await client.post(JOBS, json=SPEC, headers={"Idempotency-Key": ""})
    assert refused.status_code == 422
