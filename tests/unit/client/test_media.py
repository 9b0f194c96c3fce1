"""Uploads and the library through both clients and the command line; the test plays the worker."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import OK, PROBLEM
from client.sdk import ApiProblem, AsyncFramelane, ClientError, ConnectionFailed, Framelane, media_calls
from shared.jobs import Completed
from shared.results import InstalledFile, InstalledMedium, MediaUploadResult
from shared.settings import Settings, UploadSettings
from tests.support.gateway import House, StartedServer, serving
from tests.support.hands import Hand

STEP = 64 * 1024
FILM = bytes(range(256)) * 1024


def medium(name: str, kind: str = "video", frames: int = 12) -> InstalledMedium:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    about = {"container": "mp4", "codec": "h264", "width": 640, "height": 272, "fps": 25.0, "frames": frames}
    rest = {"duration_s": 0.48, "licence": "CC0", "installed_at": "", "version": sha256[:16], "kind": kind}
    file = InstalledFile(name=f"{name}.mp4", size=1, sha256=sha256)
    return InstalledMedium.model_validate({"name": name, "file": file, "origin": "upload", **about, **rest})


@pytest.fixture
def house() -> House:
    return House(Settings(uploads=UploadSettings(part_bytes=STEP)))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_calls, "STEP", STEP)


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "My film.mp4"
    path.write_bytes(FILM)
    return path


@pytest.fixture
def program(film: Path) -> Path:
    path = film.with_suffix(".exe")
    path.write_bytes(FILM)
    return path


@pytest.fixture(params=["blocking", "awaited"])
async def hand(server: StartedServer, request: pytest.FixtureRequest) -> AsyncIterator[Hand]:
    url = f"http://{server.address}/"
    if request.param == "blocking":
        with Framelane(url) as client:
            yield Hand(client)
    else:
        async with AsyncFramelane(url) as client:
            yield Hand(client)


async def test_a_file_is_sent_in_steps_and_handed_to_a_job(hand: Hand, house: House, film: Path, program: Path):
    told: list[int] = []
    job = await hand.upload_medium(
        film, licence="CC0", replace=True, progress=lambda _, offset: told.append(offset)
    )

    assert told == [0, STEP, 2 * STEP, 3 * STEP, 4 * STEP]
    spec: Any = (await house.parts.store.get(job.id)).spec
    assert (spec.name, spec.medium, spec.licence, spec.replace) == ("My-film", "video", "CC0", True)
    upload = house.uploads.get(spec.upload)
    assert (upload.complete, upload.sha256) == (True, hashlib.sha256(FILM).hexdigest())
    with pytest.raises(ApiProblem, match="unsupported-extension"):
        await hand.upload_medium(program)


async def test_what_broke_off_goes_on(hand: Hand, house: House, film: Path):
    begun = await hand.upload(film)
    house.uploads.replace(begun_at(house, begun.id, STEP))
    told: list[int] = []

    again = await hand.upload(film, resume=begun.id, progress=lambda _, offset: told.append(offset))

    assert told == [STEP, 2 * STEP, 3 * STEP, 4 * STEP]
    assert (again.complete, again.offset) == (True, len(FILM))
    other = film.with_name("other.mp4")
    other.write_bytes(FILM[1:])
    with pytest.raises(ClientError, match="another file"):
        await hand.upload(other, resume=begun.id)
    house.uploads.replace(house.uploads.get(begun.id).used("a-job"))
    with pytest.raises(ClientError, match="was used by job a-job"):
        await hand.upload(film, resume=begun.id)
    with pytest.raises(ClientError, match="No such file"):
        await hand.upload(film.with_name("nothing"))


def begun_at(house: House, upload_id: str, offset: int) -> Any:
    upload = house.uploads.get(upload_id)
    return upload.model_copy(update={"parts": upload.parts[: offset // STEP], "complete": False})


class Flaky(httpx2.HTTPTransport):
    """A line that breaks: now before the gateway has heard anything, now before its answer comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "PATCH":
            return super().handle_request(request)
        self.patches += 1
        if self.patches == 1:
            raise httpx2.ConnectError("broken")
        answer = super().handle_request(request)
        if self.patches == 3:
            answer.close()
            raise httpx2.ReadError("broken")
        return answer


async def test_a_line_that_breaks_is_waited_for(server: StartedServer, house: House, film: Path):
    line = Flaky()
    with Framelane(f"http://{server.address}", transport=line) as client:
        upload = await asyncio.to_thread(client.upload, film)

    assert (upload.complete, line.patches) == (True, 5)
    parts = house.uploads.get(upload.id)
    assert b"".join(b"".join(house.artifacts.read(parts.key(part))) for part in parts.parts) == FILM


def test_after_some_failures_in_a_row_it_is_given_up(film: Path):
    sending = media_calls.Sending(film)
    lost = ConnectionFailed("x", "y")
    pauses = [sending.failed(lost) for _ in range(4)]
    assert pauses == sorted(pauses)
    sending.sent(1)
    assert sending.failed(lost) == pauses[0]
    for _ in range(4):
        sending.failed(lost)
    with pytest.raises(ConnectionFailed):
        sending.failed(lost)
    with pytest.raises(ApiProblem):
        sending.failed(ApiProblem(status=413, code="file-too-large", title="", detail=""))


async def test_media_are_listed_and_deleted(hand: Hand, house: House):
    for name, kind in (("a", "video"), ("b", "photo"), ("c", "image_set")):
        house.beacon.add_medium(medium(name, kind))

    videos = await hand.collect("media", "videos")
    assert [(each.name, each.installed is not None) for each in videos] == [
        ("a", True),
        ("bikes", False),
        ("carphone", False),
    ]
    found = await hand.medium("images", "c")
    assert found.installed == medium("c", "image_set")
    await hand.delete_medium("images", "c", force=True)
    with pytest.raises(ApiProblem, match="medium-not-found"):
        await hand.delete_medium("images", "c")


async def run(server: StartedServer, *words: str) -> Result:
    url = ["--url", f"http://{server.address}"]
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, *url])


async def test_the_command_line_sends_lists_and_deletes(
    server: StartedServer, house: House, film: Path, program: Path
):
    sending = asyncio.create_task(run(server, "media", "upload", str(film), "--name", "yard", "--licence", "CC0"))
    claim = house.claim(await house.take("io"))
    house.beacon.add_medium(medium("yard"))
    house.attempts.settle(claim, Completed(result=MediaUploadResult(medium=medium("yard"))), ())
    sent = await sending
    assert sent.exit_code == OK, sent.output
    assert "640x272 h264, 12 frames, 0.5 s" in sent.stdout

    listed = (await run(server, "media")).stdout
    assert "yard" in listed
    assert "bikes" in listed
    found = json.loads((await run(server, "media", "list", "--json")).stdout)
    assert {each["name"] for each in found} >= {"yard", "bikes"}
    assert (await run(server, "media", "delete", "yard")).exit_code == OK
    missing = await run(server, "media", "delete", "yard")
    assert (missing.exit_code, "isn't in the library" in missing.stderr) == (PROBLEM, True)
    quick = await run(server, "media", "upload", str(film), "--no-wait", "--json")
    assert json.loads(quick.stdout)["kind"] == "media_upload"
    refused = await run(server, "media", "upload", str(program))
    assert (refused.exit_code, "--resume" in refused.stderr) == (PROBLEM, True)
