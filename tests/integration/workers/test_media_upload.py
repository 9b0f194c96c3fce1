"""Media on their whole way: sent in pieces, looked into by a worker, listed, fetched, used, deleted."""

import hashlib
import io
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest

from client.local import LocalStack
from client.sdk import ApiProblem, ClientError, Framelane
from client.sdk.media_calls import Sending, continue_upload
from shared.jobs import Completed, Failed, Job
from shared.results import InstalledMedium, MediaUploadResult
from shared.specs import SweepSpec
from shared.states import JobState
from tests.support.media import make_video
from tests.support.stacks import stack_on

FRAMES = 6_000
"""Of a video that takes a while to look into."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with stack_on(tmp_path_factory.mktemp("media") / "data", lanes=("io",)) as stack:
        yield stack


@pytest.fixture
def client(stack: LocalStack) -> Iterator[Framelane]:
    with Framelane(stack.url) as client:
        yield client


def medium_of(client: Framelane, job: Job) -> InstalledMedium:
    ended = client.wait(job.id, 60)
    assert isinstance(ended.outcome, Completed), ended.outcome
    assert isinstance(ended.outcome.result, MediaUploadResult)
    return ended.outcome.result.medium


def fetched(stack: LocalStack, path: str) -> bytes:
    answer = httpx2.get(f"{stack.url}/api/v1{path}", follow_redirects=True)
    answer.raise_for_status()
    return answer.content


def test_a_video_sent_in_interrupted_pieces(stack: LocalStack, client: Framelane, tmp_path: Path):
    film = make_video(tmp_path / "My film.mp4", frames=40, size=(320, 240))
    content = film.read_bytes()
    sending = Sending(film)
    begun = client._do(sending.begin())
    # The first connection breaks in the middle of the file, without a word.
    sent = len(content) // 3
    client._do(continue_upload(begun.id, 0, content[:sent]))
    told: list[int] = []

    job = client.upload_medium(
        film, licence="CC0", resume=begun.id, progress=lambda _, offset: told.append(offset)
    )

    assert told == [sent, len(content)]
    medium = medium_of(client, job)
    assert (medium.name, medium.codec, medium.frames, medium.width, medium.fps) == (
        "My-film",
        "mpeg4",
        40,
        320,
        10.0,
    )
    assert medium.file.sha256 == hashlib.sha256(content).hexdigest()
    assert client.medium("videos", "My-film").installed == medium
    assert fetched(stack, "/videos/My-film/content") == content
    thumbnail = cv2.imdecode(
        np.frombuffer(fetched(stack, "/videos/My-film/thumbnail"), np.uint8), cv2.IMREAD_COLOR
    )
    assert thumbnail is not None
    assert thumbnail.shape == (240, 320, 3)
    with pytest.raises(ClientError, match="was used by job"):
        client.upload_medium(film, name="again", resume=begun.id)

    client.delete_medium("videos", "My-film")
    assert [each.name for each in client.media("videos") if each.installed] == []
    with pytest.raises(ApiProblem, match="medium-not-found"):
        client.medium("videos", "My-film")


def test_an_archive_sent_at_once_and_what_is_wrong_with_another(stack: LocalStack, client: Framelane):
    def archive(*names: str) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as file:
            for number, name in enumerate(names):
                _, image = cv2.imencode(".png", np.full((8, 9, 3), number, np.uint8))
                file.writestr(name, image.tobytes())
        return content.getvalue()

    def post(content: bytes, name: str) -> Job:
        files = {"file": (f"{name}.zip", content)}
        answer = httpx2.post(f"{stack.url}/api/v1/images", files=files, headers={"Prefer": "wait=30"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return Job.model_validate_json(answer.content)

    medium = medium_of(client, post(archive("b.png", "a.png"), "shots"))
    assert (medium.kind, medium.frames, medium.width, medium.height, medium.codec) == ("image_set", 2, 9, 8, "png")

    failed = post(archive("a.png", "x/b.png"), "folders").outcome
    assert isinstance(failed, Failed)
    assert failed.error.code == "archive-contains-subdirectories"
    assert "put the images themselves" in failed.error.detail
    assert [each.name for each in client.media("images") if each.installed] == ["shots"]


def test_a_worker_killed_in_the_middle_leaves_nothing_half_done(
    stack: LocalStack, client: Framelane, tmp_path: Path
):
    film = make_video(tmp_path / "long.mp4", frames=FRAMES)
    (worker,) = client.workers()
    job = client.upload_medium(film, name="long")
    following = client.follow(job.id)
    while getattr(getattr(told := next(following), "job", told), "state", None) is not JobState.RUNNING:
        pass
    os.kill(worker.pid, signal.SIGKILL)

    medium = medium_of(client, job)
    assert medium.frames == FRAMES
    seen = client.get(job.id)
    assert [attempt.error.code for attempt in seen.attempts if attempt.error] == ["lost"]
    swept = client.wait(client.submit(SweepSpec(orphan_s=0)).id, 60)
    assert isinstance(swept.outcome, Completed), swept.outcome
    stored = {path.parent.name for path in stack_objects(stack).glob("media/*/*")}
    installed = [each.installed for family in ("videos", "images") for each in client.media(family)]
    assert stored == {each.file.sha256 for each in installed if each}
    assert list(stack_objects(stack).glob("uploads/*/*")) == []


def stack_objects(stack: LocalStack) -> Path:
    (objects,) = (path for path in stack.data_dir.rglob("objects") if path.is_dir())
    return objects
