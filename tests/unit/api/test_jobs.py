"""Looking at jobs, stopping them, removing them, and their files."""

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from api.views import JobView
from shared.jobs import ArtifactRef, Job, artifact_key
from tests.support.gateway import SPEC, House


async def submitted(client: httpx2.AsyncClient, **changes: Any) -> str:
    return (await client.post("/api/v1/jobs", json=SPEC | changes)).json()["id"]


async def with_file(client: httpx2.AsyncClient, house: House, name: str, content: bytes) -> str:
    job_id = await submitted(client)
    claim = house.claim(job_id)
    info = house.artifacts.put_bytes(artifact_key(job_id, claim.fence, name), content, "image/png")
    ref = ArtifactRef(name=name, size=info.size, sha256=info.sha256, media_type=info.media_type)
    house.settle(claim, artifacts=(ref,))
    return job_id


async def test_what_is_written_is_the_view(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await submitted(client)
    house.finish(job_id)
    answer = (await client.get(f"/api/v1/jobs/{job_id}")).json()
    assert JobView.model_validate(answer).model_dump(mode="json") == answer
    record = house.jobs.kept(job_id).record
    assert Job.model_validate(answer) == Job.model_validate(
        record.model_dump(exclude={"spec", "fence", "fingerprint"})
    )


async def test_long_poll_ends_with_the_job(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await submitted(client)
    polling = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=30"))
    await house.answer_next()
    assert (await polling).json()["state"] == "COMPLETED"
    assert (await client.get(f"/api/v1/jobs/{job_id}?wait=30")).json()["state"] == "COMPLETED"


async def test_long_poll_of_a_job_that_takes_longer(client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/jobs/{await submitted(client)}?wait=1")
    assert (answer.status_code, answer.json()["state"]) == (200, "PENDING")


async def test_long_poll_survives_a_gap_in_what_is_heard(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await submitted(client)
    polling = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=30"))
    publish, house.bus.publish = house.bus.publish, lambda _job_id, _event: None
    await house.answer_next()
    house.bus.publish = publish
    house.bus.interrupt()
    assert (await polling).json()["state"] == "COMPLETED"


async def test_list_pages_newest_first(client: httpx2.AsyncClient) -> None:
    ids = [await submitted(client) for _ in range(5)]
    listed: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/jobs", params=query)).json()
        assert len(page["jobs"]) <= 2
        listed += [job["id"] for job in page["jobs"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert listed == ids[::-1]


async def test_list_filters_hold_together(client: httpx2.AsyncClient, house: House) -> None:
    door = await submitted(client, labels={"camera": "door", "site": "a:b"}, device="CPU")
    await submitted(client, labels={"camera": "door"})
    other = await submitted(client, labels={"camera": "yard", "site": "a:b"})
    house.finish(other)

    async def listed(query: str) -> list[str]:
        return [job["id"] for job in (await client.get(f"/api/v1/jobs?{query}")).json()["jobs"]]

    assert await listed("label=camera:door&label=site:a:b") == [door]
    assert await listed("state=COMPLETED&kind=inference") == [other]
    assert await listed("device=CPU") == [door]
    assert await listed("kind=model_download") == []


@pytest.mark.parametrize(
    "path",
    [
        "jobs?stat=FAILED&lable=a:b",
        "dead?stat=1&lable=x",
        "models?stat=1&lable=x",
        "status?stat=1&lable=x",
        "gestures/models?lable=1&stat=x",
    ],
)
async def test_parameters_nobody_knows_are_refused(path: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/lable", "/stat"]
    assert "not known here; known: " in answer.json()["errors"][0]["message"]


async def test_cancel_of_a_queued_job(client: httpx2.AsyncClient) -> None:
    job_id = await submitted(client)
    answer = await client.post(f"/api/v1/jobs/{job_id}/cancel", json={"reason": "changed my mind"})
    assert answer.status_code == 200
    assert answer.json()["outcome"] == {"outcome": "cancelled", "reason": "changed my mind"}
    again = await client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "urn:framelane:error:illegal-transition")


async def test_cancel_of_a_running_job_is_a_request(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await submitted(client)
    house.claim(job_id)
    answer = await client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["cancel_requested"]) == (
        202,
        "RUNNING",
        True,
    )


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"why": "x"}', 422), (b'{"reason": 1}', 422)])
async def test_cancel_with_a_wrong_body(body: bytes, status: int, client: httpx2.AsyncClient) -> None:
    job_id = await submitted(client)
    assert (await client.post(f"/api/v1/jobs/{job_id}/cancel", content=body)).status_code == status
    assert (await client.get(f"/api/v1/jobs/{job_id}")).json()["state"] == "PENDING"


async def test_delete_takes_the_files_too(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await with_file(client, house, "a.png", b"pixels")
    assert house.artifacts.keys("jobs/") != []
    answer = await client.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert house.artifacts.keys("jobs/") == []
    assert (await client.get(f"/api/v1/jobs/{job_id}")).status_code == 404
    assert (await client.delete(f"/api/v1/jobs/{job_id}")).status_code == 404


async def test_delete_doesnt_wait_for_a_store_that_hangs(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await with_file(client, house, "a.png", b"pixels")
    answered = threading.Event()
    house.artifacts.delete = lambda _key: answered.wait(60)
    try:
        async with asyncio.timeout(20):
            assert (await client.delete(f"/api/v1/jobs/{job_id}")).status_code == 204
    finally:
        answered.set()
    assert (await client.get(f"/api/v1/jobs/{job_id}")).status_code == 404


async def test_job_that_goes_on_is_not_deleted(client: httpx2.AsyncClient) -> None:
    job_id = await submitted(client)
    answer = await client.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:illegal-transition")
    assert (await client.get(f"/api/v1/jobs/{job_id}")).status_code == 200


async def test_artifact_is_a_redirect_to_a_link_that_downloads(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await with_file(client, house, "annotated.png", b"pixels" * 50_000)
    (listed,) = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["artifacts"]
    assert (listed["name"], listed["size"], listed["media_type"]) == ("annotated.png", 300_000, "image/png")
    redirect = await client.get(listed["href"])
    assert redirect.status_code == 307
    file = await client.get(redirect.headers["location"])
    assert file.status_code == 200
    assert file.content == b"pixels" * 50_000
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''annotated.png"
    assert file.headers["content-type"] == "image/png"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["etag"] == f'"{listed["sha256"]}"'


async def test_unknown_artifact(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await with_file(client, house, "a.png", b"x")
    for name in ("b.png", "..%2fa.png", "%2e%2e", "a.png%00"):
        answer = await client.get(f"/api/v1/jobs/{job_id}/artifacts/{name}")
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("signature=", "signature=0"),
        lambda url: url.replace("a.png?", "b.png?"),
        lambda url: url.replace("expires=", "expires=9"),
        lambda url: url.replace("name=", "name=x"),
        lambda url: url.partition("?")[0],
        lambda url: url.replace("/files/", "/files/../"),
    ],
)
async def test_changed_link_opens_nothing(change: Any, client: httpx2.AsyncClient, house: House) -> None:
    job_id = await with_file(client, house, "a.png", b"secret")
    link = (await client.get(f"/api/v1/jobs/{job_id}/artifacts/a.png")).headers["location"]
    answer = await client.get(change(link))
    assert answer.status_code in {403, 404}
    assert b"secret" not in answer.content
    assert answer.headers["content-type"] == "application/problem+json"
