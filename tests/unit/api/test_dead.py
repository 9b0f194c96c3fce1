"""Jobs that died: listed, requeued one by one and together, never twice."""

import asyncio

import httpx2
import pytest

from tests.support.gateway import SPEC, House


async def died(client: httpx2.AsyncClient, house: House, **changes: object) -> str:
    job_id = (await client.post("/api/v1/jobs", json=SPEC | changes)).json()["id"]
    house.bury(job_id)
    return job_id


async def listed(client: httpx2.AsyncClient, query: str = "") -> list[str]:
    return [job["id"] for job in (await client.get(f"/api/v1/dead{query}")).json()["jobs"]]


async def test_dead_are_listed_page_by_page_and_others_are_not(client: httpx2.AsyncClient, house: House) -> None:
    ids = [await died(client, house) for _ in range(3)]
    other = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    house.fail(other)
    first = (await client.get("/api/v1/dead?limit=2")).json()
    assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
    assert first["jobs"][0]["outcome"]["error"]["code"] == "poison"
    assert await listed(client, f"?cursor={first['next_cursor']}") == [ids[0]]


async def test_requeued_is_one_new_job_however_often_it_is_asked(client: httpx2.AsyncClient, house: House) -> None:
    old = await died(client, house, labels={"camera": "door"})
    url = f"/api/v1/dead/{old}/requeue"
    answers = [await client.post(url) for _ in range(2)]
    answers += await asyncio.gather(*(client.post(url) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [202] + [200] * 11
    (new,) = {answer.json()["id"] for answer in answers}
    job = answers[0].json()
    assert (job["retry_of"], job["labels"], job["state"], job["attempt"]) == (
        old,
        {"camera": "door"},
        "PENDING",
        0,
    )
    assert answers[0].headers["location"].endswith(f"/api/v1/jobs/{new}")
    assert await listed(client) == []
    assert house.kept == [old, new]
    assert house.queue.depth("cpu") == 2  # of the first one the message is still there


async def test_what_was_requeued_can_die_and_come_back_too(client: httpx2.AsyncClient, house: House) -> None:
    old = await died(client, house)
    second = (await client.post(f"/api/v1/dead/{old}/requeue")).json()["id"]
    house.bury(second)
    assert await listed(client) == [second]
    third = (await client.post(f"/api/v1/dead/{second}/requeue")).json()
    assert (third["retry_of"], len({old, second, third["id"]})) == (second, 3)


async def test_only_failed_jobs_are_requeued(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    answer = await client.post(f"/api/v1/dead/{job_id}/requeue")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:illegal-transition")
    for unknown in ("nonsense", "0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"):
        assert (await client.post(f"/api/v1/dead/{unknown}/requeue")).status_code == 404
    assert len(house.kept) == 1


async def test_id_taken_by_another_job_is_a_conflict(client: httpx2.AsyncClient, house: House) -> None:
    old = await died(client, house)
    new = (await client.post(f"/api/v1/dead/{old}/requeue")).json()["id"]
    await client.post(f"/api/v1/jobs/{new}/cancel")
    await client.delete(f"/api/v1/jobs/{new}")
    assert (await client.put(f"/api/v1/jobs/{new}", json=SPEC)).status_code == 202
    answer = await client.post(f"/api/v1/dead/{old}/requeue")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:job-conflict")


async def test_all_that_match_are_requeued_and_the_others_stay(client: httpx2.AsyncClient, house: House) -> None:
    door = [await died(client, house, labels={"camera": "door"}) for _ in range(3)]
    yard = await died(client, house, labels={"camera": "yard"})
    cursor, old = "", list[str]()
    while True:
        answer = await client.post(f"/api/v1/dead/requeue?label=camera:door&kind=inference&limit=2{cursor}")
        assert (answer.status_code, answer.json()["failed"]) == (200, [])
        old += [each["id"] for each in answer.json()["requeued"]]
        if (following := answer.json()["next_cursor"]) is None:
            break
        cursor = f"&cursor={following}"
    assert sorted(old) == sorted(door)
    assert await listed(client) == [yard]
    again = (await client.post("/api/v1/dead/requeue?label=camera:door")).json()
    assert (again["requeued"], again["failed"]) == ([], [])
    assert len(house.kept) == 7


async def test_who_cant_be_requeued_stays_and_is_told_why(client: httpx2.AsyncClient, house: House) -> None:
    old = await died(client, house)
    house.jobs.jobs[old].blobs_until = 0
    other = await died(client, house)
    answer = (await client.post("/api/v1/dead/requeue")).json()
    assert [each["id"] for each in answer["requeued"]] == [other]
    (failed,) = answer["failed"]
    assert (failed["id"], failed["error"]["code"]) == (old, "inputs-expired")
    assert await listed(client) == [old]
    assert (await client.post(f"/api/v1/dead/{old}/requeue")).status_code == 410


async def test_without_a_broker_nothing_is_half_done(client: httpx2.AsyncClient, house: House) -> None:
    old = await died(client, house)
    house.queue.down = True
    for url in ("/api/v1/dead/requeue", f"/api/v1/dead/{old}/requeue"):
        answer = await client.post(url)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await listed(client), house.kept) == ([old], [old])


@pytest.mark.parametrize(
    ("query", "pointer"), [("limit=0", "/limit"), ("limit=201", "/limit"), ("cursor=x", "/cursor")]
)
async def test_wrong_query(query: str, pointer: str, client: httpx2.AsyncClient) -> None:
    for answer in (await client.get(f"/api/v1/dead?{query}"), await client.post(f"/api/v1/dead/requeue?{query}")):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
