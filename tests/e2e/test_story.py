"""What a caller of the whole system sees, over HTTP and WebSocket, with real models."""

import os
import uuid
from pathlib import Path

import pytest
from PIL import Image

from client.local import LocalStack
from client.sdk import ApiProblem, AsyncFramelane, Framelane, NothingDetected
from shared.events import Progressed, Snapshot, StateChanged
from shared.inputs import DataInput, FileInput, Frame, LandmarksInput, Point
from shared.jobs import Completed, Job
from shared.predictions import DetectionPrediction
from shared.specs import InferenceOptions, InferenceSpec, ModelDownloadSpec
from shared.states import JobState
from tests.support.gst import video
from tests.support.models import CORE, photo
from tests.support.pictures import frame_of, png

pytestmark = [pytest.mark.service, pytest.mark.models]

WITHIN_S = 60


def states(client: Framelane, job: Job, after_seq: int = 0) -> list[JobState]:
    return [news.state for news in client.follow(job.id, after_seq) if isinstance(news, StateChanged)]


def landmarks_spec(points: list[Point], **common) -> InferenceSpec:
    return InferenceSpec(model="vgt", inputs=[LandmarksInput(landmarks=points)], **common)


def downloading(**common) -> ModelDownloadSpec:
    """A job that runs for seconds on the io lane: fetching a model that is installed already."""
    return ModelDownloadSpec(models=["pose_landmarker"], force=True, **common)


def test_a_photo_becomes_a_letter_on_another_process(client: Framelane, stack: LocalStack, tmp_path: Path):
    spec = InferenceSpec(model="vgt", inputs=[FileInput(file="hand")], options=InferenceOptions(annotate=True))
    job = client.submit(spec, files={"hand": photo("nocurl")})
    told = [news for news in client.follow(job.id, after_seq=0) if isinstance(news, StateChanged)]
    assert [news.state for news in told] == [JobState.PENDING, JobState.RUNNING, JobState.COMPLETED]
    pids = {worker.id: worker.pid for worker in client.workers()}
    assert os.getsid(pids[told[1].worker]) == stack.pids()["cpu"], "it is the child of the process we started"

    done = client.get(job.id)
    answer = done.outcome.result.predictions[0]
    assert answer.label == "D"
    assert answer.confidence > 0.8
    assert told[-1].outcome == done.outcome
    assert done.queue_wait_ms >= 0
    assert done.run_ms > 0

    drawn = client.download(job.id, done.artifacts[0].name, tmp_path)
    with Image.open(drawn) as picture, Image.open(photo("nocurl")) as original:
        assert picture.size == original.size
        assert picture.convert("RGB").tobytes() != original.convert("RGB").tobytes()


def test_a_frame_of_a_video_shows_a_person(client: Framelane, tmp_path: Path):
    options = InferenceOptions(annotate=True, min_confidence=0.5)
    image = png(frame_of(str(video("carphone_pristine")), 10))
    spec = InferenceSpec(model="person-ssdlite", inputs=[FileInput(file="frame")], options=options)
    done = client.wait(client.submit(spec, files={"frame": image}).id, WITHIN_S)
    assert isinstance(done.outcome, Completed), done.outcome
    result = done.outcome.result
    assert (result.model, result.runtime, result.device) == ("person-ssdlite", "openvino", "CPU")
    [seen] = result.predictions
    assert isinstance(seen, DetectionPrediction)
    assert [one.label for one in seen.objects] == ["person"]
    assert seen.objects[0].box.width > seen.width / 4
    with Image.open(client.download(done.id, "annotated-0.jpg", tmp_path)) as picture:
        assert picture.size == (seen.width, seen.height)


def test_the_points_of_the_photo_give_the_same_letter(client: Framelane, hand_points: list[Point]):
    from_photo = client.predict("vgt", image=photo("nocurl"))
    job = client.submit(landmarks_spec(hand_points), wait=30)
    answer = job.outcome.result.predictions[0]
    assert answer.label == from_photo.prediction
    assert answer.confidence == pytest.approx(from_photo.confidence, abs=1e-4)
    assert from_photo.landmarks == hand_points


def test_a_movement_becomes_a_word(client: Framelane, hand_points: list[Point]):
    answer = client.predict("lstm", sequence=[Frame(left_hand=hand_points, right_hand=hand_points)] * 12)
    assert answer.prediction in {"goed", "hallo", "ja", "nee", "tot_ziens"}


def test_a_photo_without_a_hand(client: Framelane, tmp_path: Path):
    empty = tmp_path / "empty.png"
    Image.new("RGB", (320, 240), "white").save(empty)
    with pytest.raises(NothingDetected):
        client.predict("asl", image=empty)
    spec = InferenceSpec(model="asl", inputs=[FileInput(file="x")])
    job = client.submit(spec, files={"x": empty}, wait=30)
    assert job.state is JobState.COMPLETED
    assert job.outcome.result.predictions[0].detected is False


def test_what_cannot_be_read_never_becomes_a_job(client: Framelane):
    before = len(list(client.jobs()))
    spec = InferenceSpec(model="asl", inputs=[DataInput(data="aGVsbG8gd29ybGQ=")])
    with pytest.raises(ApiProblem) as caught:
        client.submit(spec)
    assert caught.value.status == 422
    assert [rule.pointer for rule in caught.value.errors] == ["/inputs/0/data"]
    assert len(list(client.jobs())) == before


def test_a_running_job_is_cancelled_within_ten_seconds_and_can_be_retried(client: Framelane):
    job = client.submit(downloading())
    after = None
    for news in client.follow(job.id, after_seq=0):
        if isinstance(news, Progressed) and after is None:
            after = news.at_ms
            assert client.cancel(job.id, "changed my mind").cancel_requested
    done = client.get(job.id)
    assert done.state is JobState.CANCELLED
    assert done.outcome.reason == "changed my mind"
    assert done.finished_at.timestamp() * 1000 - after < 10_000

    again = client.wait(client.retry(job.id).id, WITHIN_S)
    assert (again.state, again.retry_of) == (JobState.COMPLETED, job.id)
    assert [model.name for model in again.outcome.result.models][-1] == "pose_landmarker"


def test_a_waiting_job_is_cancelled_at_once(client: Framelane):
    # As many as the lane has slots keep it busy, so the next one waits.
    slots = next(lane.slots for lane in client.status().lanes if lane.name == "io")
    busy = [client.submit(downloading(priority=9)) for _ in range(slots)]
    waiting = client.submit(downloading(priority=0))
    assert client.cancel(waiting.id).state is JobState.CANCELLED
    assert states(client, waiting) == [JobState.PENDING, JobState.CANCELLED]
    for job in busy:
        client.cancel(job.id)
        assert client.wait(job.id, WITHIN_S).terminal


def test_submitting_again_is_the_same_job(client: Framelane, hand_points: list[Point]):
    key = uuid.uuid4().hex
    first = client.submit(landmarks_spec(hand_points), idempotency_key=key, wait=30)
    again = client.submit(landmarks_spec(hand_points), idempotency_key=key)
    assert again == first
    with pytest.raises(ApiProblem) as caught:
        client.submit(landmarks_spec(hand_points, priority=1), idempotency_key=key)
    assert caught.value.status == 409

    job_id = str(uuid.uuid4())
    assert {client.submit(landmarks_spec(hand_points), job_id=job_id).id for _ in range(2)} == {job_id}
    assert client.wait(job_id, WITHIN_S).attempt <= 1
    assert states(client, client.get(job_id)) == [JobState.PENDING, JobState.RUNNING, JobState.COMPLETED]


def test_following_goes_on_where_it_was(client: Framelane):
    job = client.submit(downloading())
    whole = list(client.follow(job.id, after_seq=0))
    outdated = [news.seq for news in whole if isinstance(news, Progressed)][:-1]
    kept = [news for news in whole if news.seq not in outdated]
    last = whole[-1].seq
    for after in (0, 1, last // 2, last - 1):
        assert list(client.follow(job.id, after)) == [news for news in kept if news.seq > after]
        assert list(client.events(job.id, after)) == [news for news in kept if news.seq > after]
    assert list(client.follow(job.id, whole[-1].seq)) == []
    (snapshot,) = client.follow(job.id)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.job == client.get(job.id)


def test_jobs_are_found_by_their_labels_and_go_with_their_files(client: Framelane, hand_points: list[Point]):
    label = {"story": uuid.uuid4().hex}
    made = [client.submit(landmarks_spec(hand_points, labels=label), wait=30).id for _ in range(3)]
    assert [job.id for job in client.jobs(labels=label, page=2)] == made[::-1]
    client.delete(made[0])
    assert [job.id for job in client.jobs(labels=label)] == made[:0:-1]


async def test_many_awaited_clients_at_once(stack: LocalStack, hand_points: list[Point]):
    import asyncio

    async with AsyncFramelane(stack.url) as client:
        answers = await asyncio.gather(*(client.predict("vgt", landmarks=hand_points) for _ in range(40)))
    assert {answer.prediction for answer in answers} == {"D"}
    assert len({answer.job_id for answer in answers}) == 40


def test_what_the_machine_has(client: Framelane):
    (device,) = client.devices()
    assert (device.id, device.lanes) == ("CPU", ["cpu", "io"])
    assert {"torch", "openvino", "mediapipe"} <= set(device.runtimes)
    assert {model.name for model in client.models() if model.installed} == set(CORE)
    assert client.status().phase == "ready"
    assert client.status().workers == 2
