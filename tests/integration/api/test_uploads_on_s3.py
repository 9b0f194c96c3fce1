"""Files of clients on their way to a real S3 server: in parts through the gateway, or straight there."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.settings import ArtifactSettings, Settings, UploadSettings
from tests.support.gateway import House, calling
from workers.assembly import assemble, use_up

pytestmark = pytest.mark.service

FILM = bytes(range(256)) * 1024
PART = 64 * 1024


@pytest.fixture
def artifacts(s3_settings: ArtifactSettings) -> S3ArtifactStore:
    store = S3ArtifactStore(s3_settings)
    store.ping()
    return store


@pytest.fixture
def house(artifacts: S3ArtifactStore) -> House:
    house = House(Settings(uploads=UploadSettings(part_bytes=PART, bytes=len(FILM))))
    house.parts = replace(house.parts, artifacts=artifacts, check_link=None)
    return house


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls


async def begun(client: httpx2.AsyncClient, content: bytes) -> dict[str, Any]:
    asked = {"filename": "film.mp4", "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    answer = await client.post("/api/v1/uploads/direct", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def sent(form: dict[str, Any], content: bytes) -> int:
    async with httpx2.AsyncClient() as stranger:
        files = {"file": ("film.mp4", content)}
        return (await stranger.post(form["url"], data=form["fields"], files=files)).status_code


async def test_a_file_goes_straight_to_the_store(
    client: httpx2.AsyncClient, house: House, artifacts: S3ArtifactStore, tmp_path: Path
):
    form = await begun(client, FILM)
    path = f"/api/v1/uploads/{form['upload']['id']}"
    early = await client.post(f"{path}/complete")
    assert (early.status_code, early.json()["type"]) == (409, "urn:framelane:error:upload-incomplete")
    assert await sent(form, FILM[1:]) >= 400, "another length than was announced"
    assert (await client.post(f"{path}/complete")).status_code == 409

    assert await sent(form, FILM) < 300
    for _ in range(2):
        seen = (await client.post(f"{path}/complete")).json()
        assert (seen["complete"], seen["offset"]) == (True, len(FILM))

    answer = await client.post("/api/v1/videos", json={"upload": form["upload"]["id"]})
    assert answer.status_code == 202, answer.text
    upload = house.uploads.get(form["upload"]["id"])
    assert assemble(artifacts, upload, tmp_path / "whole", lambda: None).size == len(FILM)
    assert (tmp_path / "whole").read_bytes() == FILM
    use_up(house.uploads, artifacts, upload, "a-job")
    assert artifacts.keys("uploads/") == []


async def test_parts_through_the_gateway_are_put_together_again(
    client: httpx2.AsyncClient, house: House, artifacts: S3ArtifactStore, tmp_path: Path
):
    answer = await client.post("/api/v1/videos", files={"file": ("film.mp4", FILM)})
    assert answer.status_code == 202, answer.text
    (upload_id,) = house.uploads.idle(0)
    upload = house.uploads.get(upload_id)
    assert len(artifacts.keys("uploads/")) == len(upload.parts) == 4
    assert assemble(artifacts, upload, tmp_path / "whole", lambda: None).sha256 == upload.sha256
    assert (await client.delete(f"/api/v1/uploads/{upload_id}")).status_code == 204
    assert artifacts.keys("uploads/") == []


async def test_no_longer_file_than_is_taken_may_be_sent(client: httpx2.AsyncClient):
    asked = {"filename": "film.mp4", "length": len(FILM) + 1}
    answer = await client.post("/api/v1/uploads/direct", json=asked)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:framelane:error:file-too-large")
