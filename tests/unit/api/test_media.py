"""The library of media over HTTP: what comes in, what is told of it, and what keeps it."""

import hashlib
import io
import json
from typing import Any

import httpx2
import pytest

from shared.media import content_key, thumbnail_key
from shared.ports import JobQuery
from shared.results import InstalledFile, InstalledMedium
from shared.settings import LimitSettings, MediaSettings, Settings, UploadSettings
from tests.support.gateway import House, worker

FILM = bytes(range(256)) * 1024
PART = 64 * 1024


@pytest.fixture
def house() -> House:
    return House(
        Settings(
            uploads=UploadSettings(bytes=len(FILM), part_bytes=PART, kept=4, at_once=2),
            media=MediaSettings(archive_bytes=1_000),
            limits=LimitSettings(image_bytes=2_000),
        )
    )


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def shelved(house: House, name: str, content: bytes = FILM, kind: str = "video") -> InstalledMedium:
    """A medium of the library, with its content."""
    thumbnail = InstalledFile(name="thumbnail.jpg", size=3, sha256=sha(b"jpg"))
    medium = InstalledMedium.model_validate(
        {
            "name": name,
            "version": sha(content)[:16],
            "kind": kind,
            "file": InstalledFile(name=f"{name}.mp4", size=len(content), sha256=sha(content)),
            "container": "mp4",
            "codec": "h264",
            "width": 64,
            "height": 48,
            "fps": 10.0,
            "frames": 12,
            "duration_s": 1.2,
            "licence": "MIT",
            "installed_at": "2026-01-01T00:00:00Z",
            "thumbnail": thumbnail,
            "origin": "upload",
        }
    )
    house.artifacts.put_bytes(content_key(sha(content)), content, "video/mp4")
    house.artifacts.put_bytes(thumbnail_key(sha(content)), b"jpg", "image/jpeg")
    house.beacon.add_medium(medium)
    return medium


async def post(
    client: httpx2.AsyncClient, path: str, filename: str, content: bytes = FILM, **fields: str
) -> httpx2.Response:
    return await client.post(f"/api/v1{path}", files={"file": (filename, content)}, data=fields)


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:framelane:error:")


async def test_a_video_is_stored_in_parts_and_handed_to_a_job(client: httpx2.AsyncClient, house: House):
    answer = await post(client, "/videos", "My film (1).MP4", licence="CC0", sha256=sha(FILM))

    assert answer.status_code == 202, answer.text
    (record,) = (await house.parts.store.find(JobQuery())).jobs
    assert answer.headers["Location"].endswith(record.id)
    spec: Any = record.spec
    assert (spec.kind, spec.name, spec.medium, spec.licence) == ("media_upload", "My-film-1", "video", "CC0")
    upload = house.uploads.get(spec.upload)
    assert (upload.complete, upload.sha256, upload.length) == (True, sha(FILM), len(FILM))
    assert [part.size for part in upload.parts] == [PART] * 4
    assert b"".join(b"".join(house.artifacts.read(upload.key(part))) for part in upload.parts) == FILM


async def test_a_finished_upload_is_handed_to_a_job(client: httpx2.AsyncClient, house: House):
    begun = await client.post(
        "/api/v1/uploads", headers={"Upload-Length": "3", "Upload-Metadata": "filename YS5qcGc="}
    )
    upload = begun.json()["id"]
    early = await client.post("/api/v1/images", json={"upload": upload})
    assert problem(early) == (409, "upload-incomplete")
    headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    await client.patch(f"/api/v1/uploads/{upload}", headers=headers, content=b"jpg")

    answer = await client.post("/api/v1/images", json={"upload": upload, "replace": True})

    assert answer.status_code == 202, answer.text
    (record,) = (await house.parts.store.find(JobQuery())).jobs
    spec: Any = record.spec
    assert (spec.name, spec.medium, spec.replace) == ("a", "photo", True)
    house.uploads.replace(house.uploads.get(upload).used("a-job"))
    again = await client.post("/api/v1/images", json={"upload": upload})
    assert problem(again) == (409, "upload-used")


REFUSED: list[tuple[str, str, bytes, dict[str, str], int, str]] = [
    ("/videos", "", b"x", {}, 422, "missing-filename"),
    ("/videos", "...mp4", b"x", {}, 422, "missing-filename"),
    ("/videos", "film.exe", b"x", {}, 422, "unsupported-extension"),
    ("/videos", "film.mp4", FILM + b"x", {}, 413, "file-too-large"),
    ("/videos", "taken.mp4", b"x", {}, 409, "file-exists"),
    ("/videos", "film.mp4", b"x", {"name": "../x"}, 422, "invalid-spec"),
    ("/videos", "film.mp4", b"x", {"name": "taken"}, 409, "file-exists"),
    ("/videos", "film.mp4", b"x", {"replace": "maybe"}, 422, "invalid-spec"),
    ("/videos", "film.mp4", b"x", {"nmae": "x"}, 422, "invalid-spec"),
    ("/videos", "film.mp4", b"x", {"sha256": "0" * 64}, 422, "invalid-spec"),
    ("/images", "", b"x", {}, 422, "missing-filename"),
    ("/images", "set.rar", b"x", {}, 422, "unsupported-archive-format"),
    ("/images", "my set.zip", b"x", {}, 422, "invalid-archive-name"),
    ("/images", "set.tar.gz", bytes(1_001), {}, 413, "archive-too-large"),
    ("/images", "photo.png", bytes(2_001), {}, 413, "file-too-large"),
    ("/images", "known.zip", b"x", {}, 409, "image-set-already-exists"),
]


async def test_what_is_not_taken_leaves_nothing_behind(client: httpx2.AsyncClient, house: House):
    shelved(house, "taken", b"film")
    shelved(house, "known", b"set", "image_set")
    headers = {"Content-Type": "multipart/form-data; boundary=frontier"}
    for path, filename, content, fields, status, code in REFUSED:
        body = io.BytesIO()
        for name, value in fields.items():
            body.write(f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        head = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
        body.write(f"--frontier\r\n{head}\r\n\r\n".encode() + content + b"\r\n--frontier--\r\n")

        answer = await client.post(f"/api/v1{path}", headers=headers, content=body.getvalue())

        assert problem(answer) == (status, code), answer.text
        assert answer.json()["detail"]
        assert house.uploads.idle(0) == []
        assert house.artifacts.keys("uploads/") == []
    assert (await house.parts.store.find(JobQuery())).jobs == []


BROKEN: list[tuple[bytes, int, str]] = [
    (b"", 400, "malformed-multipart"),
    (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", 400, "malformed-multipart"),
    (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nx', 400, "malformed-multipart"),
    (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n', 422, "invalid-spec"),
    (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n', 422, "invalid-spec"),
    (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n' * 2 + b"--b--\r\n", 422, "invalid-spec"),
    (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + bytes(70_000), 413, "body-too-large"),
    (b"--b\r\n" + b"X: y\r\n" * 100, 400, "malformed-multipart"),
]  # fmt: skip


async def test_a_broken_form_leaves_nothing_behind(client: httpx2.AsyncClient, house: House):
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for body, status, code in BROKEN:
        answer = await client.post("/api/v1/videos", headers=headers, content=body)

        assert problem(answer) == (status, code), body[:80]
        assert house.uploads.idle(0) == []
        assert house.artifacts.keys("uploads/") == []


async def test_without_a_worker_nothing_is_received(client: httpx2.AsyncClient, house: House):
    house.beacon.withdraw("io-1")
    assert problem(await post(client, "/videos", "film.mp4")) == (503, "device-unavailable")
    assert house.artifacts.keys("uploads/") == []


async def test_media_are_listed_by_their_kind_page_by_page(client: httpx2.AsyncClient, house: House):
    shelved(house, "a-film")
    shelved(house, "a-set", b"set", "image_set")
    shelved(house, "a-photo", b"photo", "photo")

    first = (await client.get("/api/v1/videos?limit=1")).json()
    assert ([each["name"] for each in first["videos"]], first["next_cursor"]) == (["a-film"], "a-film")
    rest = (await client.get("/api/v1/videos?cursor=a-film")).json()
    assert [each["name"] for each in rest["videos"]] == ["bikes", "carphone"]
    assert rest["next_cursor"] is None
    assert rest["videos"][0]["installed"] is None
    images = (await client.get("/api/v1/images")).json()["images"]
    assert [(each["name"], each["kind"]) for each in images if each["installed"]] == [
        ("a-photo", "photo"),
        ("a-set", "image_set"),
    ]
    seen = (await client.get("/api/v1/videos/a-film")).json()
    assert (seen["sha256"], seen["installed"]["frames"]) == (sha(FILM), 12)
    for path in ("/videos/a-set", "/images/a-film", "/videos/none"):
        assert problem(await client.get(f"/api/v1{path}")) == (404, "medium-not-found")


async def test_content_and_thumbnail_are_links_for_a_short_time(client: httpx2.AsyncClient, house: House):
    shelved(house, "a-film")
    links = (await client.get("/api/v1/videos/a-film")).json()["links"]

    for name, content in (("content", FILM), ("thumbnail", b"jpg")):
        answer = await client.get(links[name])
        assert answer.status_code == 307
        assert (await client.get(answer.headers["Location"])).content == content
    assert problem(await client.get("/api/v1/videos/bikes/content")) == (409, "medium-not-installed")
    assert problem(await client.get("/api/v1/videos/none/thumbnail")) == (404, "medium-not-found")


async def test_what_nobody_uses_can_be_deleted(client: httpx2.AsyncClient, house: House):
    shelved(house, "a-film")
    shelved(house, "its-twin")

    assert (await client.delete("/api/v1/videos/a-film")).status_code == 204
    assert list(house.beacon.media()) == ["its-twin"]
    assert len(house.artifacts.keys("media/")) == 2, "its twin has the same content"
    assert (await client.delete("/api/v1/videos/its-twin")).status_code == 204
    assert house.artifacts.keys("media/") == []
    assert problem(await client.delete("/api/v1/videos/a-film")) == (404, "medium-not-found")
    assert problem(await client.delete("/api/v1/videos/bikes")) == (404, "medium-not-found")


async def test_what_a_pipeline_or_a_job_uses_stays_unless_forced(client: httpx2.AsyncClient, house: House):
    shelved(house, "a-film")
    text = "filesrc location=a-film ! decodebin ! fakesink"
    graph = (await client.post("/api/v1/convert/to-graph", json={"pipeline_description": text})).json()
    made = await client.post(
        "/api/v1/pipelines",
        json={
            "name": "Yard",
            "description": "A yard",
            "variants": [{"name": "CPU", "pipeline_graph": graph["pipeline_graph"]}],
        },
    )
    assert made.status_code == 201, made.text
    answer = await client.delete("/api/v1/videos/a-film")
    assert problem(answer) == (409, "medium-in-use")
    assert "pipeline yard" in answer.json()["detail"]

    await client.delete("/api/v1/pipelines/yard", headers={"If-Match": made.headers["ETag"]})
    spec = {"kind": "pipeline", "pipeline": {"source": "description", "pipeline_description": text}}
    house.beacon.announce(worker("cpu.long"), 60)
    job = await client.post("/api/v1/jobs", json=spec)
    assert job.status_code == 202, job.text
    answer = await client.delete("/api/v1/videos/a-film")
    assert problem(answer) == (409, "medium-in-use")
    assert job.json()["id"] in answer.json()["detail"]

    assert (await client.delete("/api/v1/videos/a-film?force=true")).status_code == 204
    assert house.artifacts.keys("media/") == []


async def test_a_job_for_an_upload_can_be_posted_itself(client: httpx2.AsyncClient, house: House):
    upload = (await client.post("/api/v1/uploads", headers={"Upload-Length": "0"})).json()["id"]
    spec = {"kind": "media_upload", "upload": upload, "name": "nothing"}

    answer = await client.post("/api/v1/jobs", json=spec, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202, answer.text
    house.uploads.replace(house.uploads.get(upload).used(answer.json()["id"]))
    again = await client.post("/api/v1/jobs", json=spec, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert problem(await client.post("/api/v1/jobs", json=spec)) == (409, "upload-used")
    spec["upload"] = "00000000-0000-4000-8000-000000000000"
    assert problem(await client.post("/api/v1/jobs", json=spec)) == (404, "upload-not-found")
    for bad in ("../../etc", "x", json.dumps(None)):
        answer = await client.post("/api/v1/jobs", json={**spec, "upload": bad})
        assert problem(answer) == (422, "invalid-spec")
