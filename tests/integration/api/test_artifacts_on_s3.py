"""Files of jobs on a real S3 server: the client fetches them there, the gateway only says where."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.jobs import ArtifactRef, artifact_key, artifact_prefix
from shared.settings import ArtifactSettings
from tests.support.gateway import SPEC, House, calling

pytestmark = pytest.mark.service


@pytest.fixture
def artifacts(s3_settings: ArtifactSettings) -> S3ArtifactStore:
    return S3ArtifactStore(s3_settings)


@pytest.fixture
def house(artifacts: S3ArtifactStore) -> House:
    house = House()
    house.parts = replace(house.parts, artifacts=artifacts, check_link=None)
    return house


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls


async def finished_with_file(client: httpx2.AsyncClient, house: House, artifacts: S3ArtifactStore) -> str:
    job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    claim = house.claim(job_id)
    info = artifacts.put_bytes(artifact_key(job_id, claim.fence, "a.png"), b"pixels", "image/png")
    house.settle(claim, artifacts=(ArtifactRef(name="a.png", size=6, sha256=info.sha256, media_type="image/png"),))
    return job_id


async def test_file_is_fetched_from_where_it_is(
    client: httpx2.AsyncClient, house: House, artifacts: S3ArtifactStore, s3_settings: ArtifactSettings
) -> None:
    job_id = await finished_with_file(client, house, artifacts)
    redirect = await client.get(f"/api/v1/jobs/{job_id}/artifacts/a.png")
    link = redirect.headers["location"]
    assert redirect.status_code == 307
    assert link.startswith(f"http://{s3_settings.endpoint}/{s3_settings.bucket}/")
    async with httpx2.AsyncClient() as outside:
        file = await outside.get(link)
        assert (file.status_code, file.content) == (200, b"pixels")
        assert "attachment" in file.headers["content-disposition"]
        assert (await outside.get(link.replace("a.png", "b.png"))).status_code == 403
    assert (await client.get("/api/v1/files/jobs/x/a.png")).status_code == 404


async def test_deleting_a_job_deletes_its_objects(
    client: httpx2.AsyncClient, house: House, artifacts: S3ArtifactStore
) -> None:
    job_id = await finished_with_file(client, house, artifacts)
    assert artifacts.keys(artifact_prefix(job_id)) != []
    assert (await client.delete(f"/api/v1/jobs/{job_id}")).status_code == 204
    assert artifacts.keys(artifact_prefix(job_id)) == []


async def test_ready_when_the_server_answers(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["artifacts"]) == (200, "ok")
