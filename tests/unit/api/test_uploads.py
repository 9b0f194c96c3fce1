"""Uploads: resumed by tus, in whatever pieces they come."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from shared.settings import Settings, UploadSettings
from tests.support.gateway import House, serving
from workers.assembly import assemble

PART = 64 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = "application/offset+octet-stream"
BYTES = TUS | {"Content-Type": OFFSET_TYPE}
FILM = bytes(range(256)) * 1024  # four parts


@pytest.fixture
def house() -> House:
    return House(Settings(uploads=UploadSettings(bytes=len(FILM), part_bytes=PART, kept=3, at_once=2, parts=9)))


async def begin(client: httpx2.AsyncClient, length: int = len(FILM), **metadata: str) -> str:
    told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    headers = TUS | {"Upload-Length": str(length), "Upload-Metadata": told}
    answer = await client.post("/api/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Offset"] == "0"
    return httpx2.URL(answer.headers["Location"]).path


async def send(client: httpx2.AsyncClient, path: str, offset: int, content: bytes | AsyncIterator[bytes]):
    return await client.patch(path, headers=BYTES | {"Upload-Offset": str(offset)}, content=content)


def assembled(house: House, path: str, folder: Path) -> bytes:
    upload = house.uploads.get(path.rpartition("/")[2])
    target = folder / "whole"
    assert assemble(house.artifacts, upload, target, lambda: None).sha256 == hashlib.sha256(FILM).hexdigest()
    return target.read_bytes()


async def test_what_the_server_can_do(client: httpx2.AsyncClient):
    answer = await client.options("/api/v1/uploads")

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == str(len(FILM))


async def test_a_file_in_pieces_of_any_size_is_whole_at_the_end(
    client: httpx2.AsyncClient, house: House, tmp_path: Path
):
    path = await begin(client, filename="é.mp4", sha256=hashlib.sha256(FILM).hexdigest())
    at = 0
    for size in (1, PART - 1, PART + 5, 0, len(FILM)):
        answer = await send(client, path, at, FILM[at : at + size])
        at = min(at + size, len(FILM))
        assert answer.status_code == 204
        assert answer.headers["Upload-Offset"] == str(at)
        assert (await client.head(path)).headers["Upload-Offset"] == str(at)

    seen = (await client.get(path)).json()
    assert (seen["complete"], seen["filename"], seen["offset"]) == (True, "é.mp4", len(FILM))
    assert assembled(house, path, tmp_path) == FILM
    sizes = [part.size for part in house.uploads.get(seen["id"]).parts]
    assert max(sizes) <= PART


async def test_what_came_before_the_line_broke_is_kept(client: httpx2.AsyncClient, house: House, tmp_path: Path):
    path = await begin(client)
    sent = PART + 1000
    async with serving(house) as server:
        host, _, port = server.address.partition(":")
        _, line = await asyncio.open_connection(host, int(port))
        head = f"PATCH {path} HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: {len(FILM)}\r\n"
        told = "".join(f"{name}: {value}\r\n" for name, value in (BYTES | {"Upload-Offset": "0"}).items())
        line.write(f"{head}{told}\r\n".encode() + FILM[:sent])
        await line.drain()
        line.close()
        async with asyncio.timeout(30):
            while int((await client.head(path)).headers["Upload-Offset"]) < sent:
                pass

    assert (await send(client, path, sent, FILM[sent:])).status_code == 204
    assert assembled(house, path, tmp_path) == FILM


async def test_bytes_from_the_wrong_place_are_refused(client: httpx2.AsyncClient):
    path = await begin(client)
    await send(client, path, 0, FILM[:10])

    for offset in (0, 9, 11):
        answer = await send(client, path, offset, FILM[offset:])
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:framelane:error:upload-changed"
    assert (await client.head(path)).headers["Upload-Offset"] == "10"


async def test_of_two_that_send_at_once_one_wins_and_nothing_is_left_of_the_other(
    client: httpx2.AsyncClient, house: House, tmp_path: Path
):
    path = await begin(client)
    answers = await asyncio.gather(*(send(client, path, 0, FILM) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert assembled(house, path, tmp_path) == FILM
    upload = house.uploads.get(path.rpartition("/")[2])
    assert house.artifacts.keys("uploads/") == sorted(map(upload.key, upload.parts))


async def test_no_more_than_was_announced_is_kept(client: httpx2.AsyncClient):
    path = await begin(client, 100)

    answer = await send(client, path, 0, FILM[:101])
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:framelane:error:file-too-large")
    assert (await send(client, path, 0, FILM[:100])).status_code == 204
    assert (await send(client, path, 100, b"x")).status_code == 409


NOT_BEGUN: list[tuple[dict[str, str], int, str]] = [
    ({"Upload-Length": str(len(FILM) + 1)}, 413, "at most"),
    ({"Upload-Length": "-1"}, 422, "Upload-Length"),
    ({}, 422, "Upload-Length"),
    ({"Upload-Length": "1", "Tus-Resumable": "0.2.2"}, 412, "tus 1.0.0"),
    ({"Upload-Length": "1", "Upload-Metadata": "filename %%"}, 422, "base64"),
    ({"Upload-Length": "1", "Upload-Metadata": "sha256 YWJj"}, 422, "64 hexadecimal"),
]


async def test_what_can_not_be_begun(client: httpx2.AsyncClient, house: House):
    for headers, status, says in NOT_BEGUN:
        answer = await client.post("/api/v1/uploads", headers=headers)

        assert answer.status_code == status, headers
        assert says in answer.text
        assert house.uploads.idle(0) == []


async def test_what_is_no_upload(client: httpx2.AsyncClient):
    for path in ("/api/v1/uploads/nothing", "/api/v1/uploads/00000000-0000-4000-8000-000000000000"):
        assert (await client.get(path)).status_code == 404
        assert (await client.head(path)).status_code == 404
        assert (await send(client, path, 0, b"x")).status_code == 404
        assert (await client.delete(path)).status_code == 404
    path = await begin(client)
    answer = await client.patch(path, headers={"Upload-Offset": "0"}, content=b"x")
    assert answer.status_code == 415


async def test_open_uploads_and_their_parts_are_limited(client: httpx2.AsyncClient, house: House):
    paths = [await begin(client) for _ in range(3)]
    answer = await client.post("/api/v1/uploads", headers={"Upload-Length": "1"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0

    for at in range(9):
        assert (await send(client, paths[0], at, b"x")).status_code == 204
    assert (await send(client, paths[0], 9, b"x")).status_code == 413

    assert (await client.delete(paths[0])).status_code == 204
    assert house.artifacts.keys("uploads/") == []
    await begin(client)


async def test_only_so_many_are_received_at_once(client: httpx2.AsyncClient):
    paths = [await begin(client) for _ in range(3)]
    begun, go = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        begun.release()
        await go.wait()

    busy = [asyncio.create_task(send(client, path, 0, slowly())) for path in paths[:2]]
    await begun.acquire()
    await begun.acquire()
    assert (await send(client, paths[2], 0, b"")).status_code == 429
    go.set()
    assert [each.status_code for each in await asyncio.gather(*busy)] == [204, 204]
    assert (await send(client, paths[2], 0, b"x")).status_code == 204


async def test_without_an_s3_server_there_is_no_other_way_in(client: httpx2.AsyncClient, house: House):
    answer = await client.post("/api/v1/uploads/direct", json={"filename": "a.mp4", "length": 3})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:no-direct-upload")
    assert "multipart" in answer.json()["detail"]
    assert house.uploads.idle(0) == []
    for bad in (
        {},
        {"filename": "", "length": 3},
        {"filename": "a", "length": 0},
        {"filename": "a", "length": "3"},
    ):
        assert (await client.post("/api/v1/uploads/direct", json=bad)).status_code == 422


@pytest.mark.parametrize("way", ["resumable", "multipart"])
async def test_who_falls_silent_makes_room_for_others(way: str):
    house = House(Settings(uploads=UploadSettings(silence_s=0.3, at_once=1)))
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        patched = way == "resumable"
        path = await begin(client) if patched else "/api/v1/videos"
        kind = OFFSET_TYPE if patched else "multipart/form-data; boundary=b"
        host, _, port = server.address.partition(":")
        reader, line = await asyncio.open_connection(host, int(port))
        line.write(f"{'PATCH' if patched else 'POST'} {path} HTTP/1.1\r\nHost: {server.address}\r\n".encode())
        line.write(f"Upload-Offset: 0\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n".encode())
        line.write(b"some" if patched else head + b"some")
        await line.drain()
        async with asyncio.timeout(30):
            answer = await reader.read()
        line.close()

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"urn:framelane:error:upload-stalled" in answer
        kept = [house.uploads.get(each).offset for each in house.uploads.idle(0)]
        assert kept == ([4] if patched else []), "what is resumable can be gone on with"
        if patched:
            assert (await send(client, path, 4, b"more")).status_code == 204
