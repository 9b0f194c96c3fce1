"""Both clients against the real gateway behind a real socket; the test plays the worker."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.sdk import ApiProblem, AsyncFramelane, ConnectionFailed, Framelane, NothingDetected, WaitTimeout
from client.sdk.problems import ClientError
from client.sdk.records import MetadataRecord, Missed, Restarted
from shared.events import Progressed, Snapshot, StateChanged
from shared.inputs import FileInput, LandmarksInput, Point, SequenceInput
from shared.inputs import Frame as Moment
from shared.jobs import ArtifactRef, artifact_key
from shared.ports import Record
from shared.results import DetectedHand, GesturePrediction, KeypointsPrediction, StreamFigures
from shared.settings import JobSettings, Settings
from shared.specs import InferenceSpec, ModelDownloadSpec
from shared.states import JobState
from tests.support.gateway import HAND, LETTER, SPEC, House, StartedServer, serving
from tests.support.hands import Hand
from tests.support.jobs import ERROR

POINTS = [Point.model_validate(point) for point in HAND]
TYPED = InferenceSpec(model="asl", inputs=[LandmarksInput(landmarks=POINTS)], labels={"who": "me"})


@pytest.fixture
def house() -> House:
    return House(Settings(jobs=JobSettings(predict_wait_s=5, records_kept=50)))


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


@pytest.fixture(params=["blocking", "awaited"])
async def hand(server: StartedServer, request: pytest.FixtureRequest) -> AsyncIterator[Hand]:
    url = f"http://{server.address}/"
    if request.param == "blocking":
        with Framelane(url) as client:
            yield Hand(client)
    else:
        async with AsyncFramelane(url) as client:
            yield Hand(client)


async def test_records_of_a_pipeline(hand: Hand, house: House):
    job_id = (await hand.submit(SPEC)).id
    claim = house.claim(job_id)
    figures = [StreamFigures(stream=0, frames=3, fps=25.0)]
    records = [Record(at % 2, json.dumps({"objects": [], "timestamp": at})) for at in range(3)]
    told = hand.each("records", job_id)
    house.attempts.measure(claim, figures, records[:2])
    first = await anext(told)
    assert first == MetadataRecord(number=1, stream=0, record={"objects": [], "timestamp": 0})
    house.attempts.measure(claim, figures, records[2:])
    house.settle(claim)

    assert [(each.number, each.stream) async for each in told] == [(2, 1), (3, 0)]
    assert [each.number for each in await hand.collect("records", job_id, stream=1)] == [2]
    assert [each.number for each in await hand.collect("records", job_id, after=2)] == [3]
    assert await hand.collect("records", job_id, after=3) == []


async def test_records_that_are_no_longer_kept(hand: Hand, house: House):
    job_id = (await hand.submit(SPEC)).id
    claim = house.claim(job_id)
    kept = house.settings.jobs.records_kept
    house.attempts.measure(claim, [], [Record(0, "{}")] * (kept + 2))
    house.settle(claim)
    told = await hand.collect("records", job_id)
    assert told[:2] == [Missed(first=1, last=2), MetadataRecord(number=3, stream=0, record={})]
    assert len(told) == kept + 1


async def test_records_of_another_attempt(hand: Hand, house: House):
    job_id = (await hand.submit(SPEC)).id
    claim = house.claim(job_id)
    house.attempts.measure(claim, [], [Record(0, "{}")])
    told = hand.each("records", job_id)
    assert (await anext(told)).number == 1
    house.attempts.give_up(job_id, claim.fence, claim.worker, ERROR, costs=False)
    claim = house.claim(job_id)
    house.attempts.measure(claim, [], [Record(0, "{}")])
    house.settle(claim)
    assert [each async for each in told] == [
        Restarted(number=2),
        MetadataRecord(number=3, stream=0, record={}),
    ]


async def died(hand: Hand, house: House, **changes: object) -> str:
    job_id = (await hand.submit(SPEC | changes)).id
    house.bury(job_id)
    return job_id


@dataclass
class Photo:
    path: Path
    content: bytes


@pytest.fixture
def jpeg(tmp_path: Path) -> Photo:
    from PIL import Image

    path = tmp_path / "hand.jpg"
    Image.new("RGB", (32, 24)).save(path)
    return Photo(path, path.read_bytes())


async def test_a_job_is_submitted_waited_for_and_read(hand: Hand, house: House):
    job = await hand.submit(TYPED)
    assert (job.state, job.lane, job.labels) == (JobState.PENDING, "cpu", {"who": "me"})
    waiting = asyncio.create_task(hand.wait(job.id, 20))
    assert await house.answer_next() == job.id
    done = await waiting
    assert done.state is JobState.COMPLETED
    assert done.outcome.result.predictions == [LETTER]
    assert await hand.get(job.id) == done


async def test_submit_can_wait_itself(hand: Hand, house: House):
    submitting = asyncio.create_task(hand.submit(SPEC, wait=10))
    await house.answer_next()
    assert (await submitting).terminal


async def test_waiting_ends_with_the_time_that_was_given(hand: Hand):
    job = await hand.submit(SPEC)
    with pytest.raises(WaitTimeout, match="still PENDING") as caught:
        await hand.wait(job.id, 0.01)
    assert caught.value.job.id == job.id


async def test_the_same_key_is_the_same_job_and_with_another_spec_a_conflict(hand: Hand):
    first = await hand.submit(SPEC, idempotency_key="k")
    assert (await hand.submit(SPEC, idempotency_key="k")).id == first.id
    with pytest.raises(ApiProblem) as caught:
        await hand.submit({**SPEC, "priority": 9}, idempotency_key="k")
    assert (caught.value.status, caught.value.code) == (409, "job-conflict")


async def test_an_id_of_ones_own_makes_submitting_repeatable(hand: Hand, house: House):
    job_id = str(uuid.uuid4())
    for _ in range(2):
        assert (await hand.submit(SPEC, job_id=job_id)).id == job_id
    assert house.kept == [job_id]


async def test_files_go_with_the_spec(hand: Hand, house: House, jpeg: Photo):
    spec = InferenceSpec(model="asl", inputs=[FileInput(file="a"), FileInput(file="b")])
    job = await hand.submit(spec, files={"a": jpeg.path, "b": jpeg.content})
    assert house.claim(job.id).blobs == [jpeg.content] * 2


async def test_every_broken_rule_is_named(hand: Hand, house: House):
    with pytest.raises(ApiProblem) as caught:
        await hand.submit({**SPEC, "model": "no such", "priority": 99})
    assert caught.value.status == 422
    assert {rule.pointer for rule in caught.value.errors} == {"/model", "/priority"}
    assert house.kept == []


async def test_a_device_that_nobody_has_says_which_lanes_live_and_when_to_come_back(hand: Hand):
    with pytest.raises(ApiProblem, match="live lanes: cpu, io") as caught:
        await hand.submit({**SPEC, "device": "NPU"})
    assert caught.value.status == 503
    assert caught.value.retry_after_s == 5


async def test_jobs_come_page_by_page_newest_first_and_filtered(hand: Hand):
    made = [(await hand.submit({**SPEC, "labels": {"n": str(n % 2)}})).id for n in range(5)]
    await hand.cancel(made[0])
    assert [job.id for job in await hand.collect("jobs", page=2)] == made[::-1]
    assert [job.id for job in await hand.collect("jobs", labels={"n": "1"}, page=1)] == [made[3], made[1]]
    assert [job.id for job in await hand.collect("jobs", state="CANCELLED")] == [made[0]]
    assert await hand.collect("jobs", kind="model_download", device="CPU") == []


async def test_the_dead_are_listed_and_brought_back(hand: Hand, house: House):
    dead = [await died(hand, house, labels={"n": str(n % 2)}) for n in range(5)]
    assert [job.id for job in await hand.collect("dead", page=2)] == dead[::-1]
    again = await hand.requeue(dead[0])
    assert (again.state, again.retry_of) == (JobState.PENDING, dead[0])
    assert (await hand.requeue(dead[0])).id == again.id
    done = await hand.requeue_all(kind="inference", labels={"n": "1"})
    assert ({each.id for each in done.requeued}, done.failed) == ({dead[1], dead[3]}, [])
    assert [job.id for job in await hand.collect("dead")] == [dead[4], dead[2]]


async def test_cancel_retry_and_delete(hand: Hand):
    job = await hand.submit(SPEC)
    cancelled = await hand.cancel(job.id, "not needed")
    assert (cancelled.state, cancelled.outcome.reason) == (JobState.CANCELLED, "not needed")
    with pytest.raises(ApiProblem) as caught:
        await hand.cancel(job.id)
    assert (caught.value.status, caught.value.code) == (409, "illegal-transition")
    again = await hand.retry(job.id, idempotency_key="r")
    assert (again.state, again.retry_of) == (JobState.PENDING, job.id)
    assert (await hand.retry(job.id, idempotency_key="r")).id == again.id
    await hand.delete(job.id)
    with pytest.raises(ApiProblem) as caught:
        await hand.get(job.id)
    assert caught.value.status == 404


@pytest.mark.parametrize("way", ["follow", "events"])
async def test_a_life_is_told_from_its_beginning_to_its_end(hand: Hand, house: House, way: str):
    job = await hand.submit(SPEC)
    told = []
    async for news in hand.each(way, job.id, after_seq=0):
        told.append(news)
        match news:
            case StateChanged(state=JobState.PENDING):
                claim = house.claim(job.id)
                house.progress(claim, 0.5)
            case Progressed():
                house.attempts.settle(claim, house_outcome())
    assert [news.seq for news in told] == [1, 2, 3, 4]
    assert [type(news) for news in told] == [StateChanged, StateChanged, Progressed, StateChanged]
    assert told[1].worker == "cpu-1"
    assert told[3].outcome.result.predictions == [LETTER]


def house_outcome():
    from shared.jobs import Completed
    from tests.support.gateway import result_of

    return Completed(result=result_of(LETTER))


async def test_following_begins_with_the_job_as_it_is(hand: Hand, house: House):
    job = await hand.submit(SPEC)
    house.claim(job.id)
    told = []
    async for news in hand.each("follow", job.id):
        told.append(news)
        if isinstance(news, Snapshot):
            assert (news.job.state, news.seq) == (JobState.RUNNING, 2)
            house.attempts.settle(house_claim(house, job.id), house_outcome())
    assert [news.type for news in told] == ["snapshot", "state"]


def house_claim(house: House, job_id: str):
    """The claim that a worker holds."""
    from shared.ports import Claim

    record = house.jobs.jobs[job_id].record
    return Claim(job=record, fence=record.fence, worker="cpu-1", blobs=[])


@pytest.mark.parametrize("way", ["follow", "events"])
@pytest.mark.parametrize("after", [1, 2, 3])
async def test_what_is_known_is_not_told_again(hand: Hand, house: House, way: str, after: int):
    job = await hand.submit(SPEC)
    house.finish(job.id)
    assert [news.seq for news in await hand.collect(way, job.id, after_seq=after)] == list(range(after + 1, 4))


@pytest.mark.parametrize("way", ["follow", "events"])
async def test_a_job_that_is_not_there_is_a_problem(hand: Hand, way: str):
    with pytest.raises(ApiProblem) as caught:
        await hand.collect(way, str(uuid.uuid4()))
    assert (caught.value.status, caught.value.code) == (404, "job-not-found")


async def test_artifacts_are_listed_and_downloaded_whole(hand: Hand, house: House, tmp_path: Path):
    job = await hand.submit(SPEC)
    claim = house.claim(job.id)
    stored = house.artifacts.put_bytes(artifact_key(job.id, claim.fence, "a.png"), b"drawing", "image/png")
    left = ArtifactRef(name="a.png", size=7, sha256=stored.sha256, media_type="image/png")
    house.attempts.settle(claim, house_outcome(), [left])
    assert await hand.artifacts(job.id) == [left]
    saved = await hand.download(job.id, "a.png", tmp_path)
    assert saved == tmp_path / "a.png"
    assert saved.read_bytes() == b"drawing"
    with pytest.raises(ClientError, match=r"no artifact 'b'; it has: a\.png"):
        await hand.download(job.id, "b", tmp_path)


@pytest.mark.parametrize("kind", ["landmarks", "sequence", "image"])
async def test_a_gesture_at_once(hand: Hand, house: House, jpeg: Photo, kind: str):
    given = {"landmarks": POINTS, "sequence": [Moment(left_hand=POINTS)], "image": jpeg.path}
    model = "lstm" if kind == "sequence" else "asl"
    seen = DetectedHand(handedness="Left", score=0.9, landmarks=POINTS)
    asking = asyncio.create_task(hand.predict(model, **{kind: given[kind]}, top_k=1, device="CPU"))
    job_id = await house.answer_next(LETTER.model_copy(update={"hand": seen if kind == "image" else None}))
    answer = await asking
    assert (answer.prediction, answer.confidence, answer.job_id) == ("b", 0.9, job_id)
    assert answer.handedness == ("Left" if kind == "image" else None)
    assert house.jobs.jobs[job_id].record.spec.options.top_k == 1


async def test_a_photo_without_a_hand_is_told_by_name(hand: Hand, house: House, jpeg: Photo):
    asking = asyncio.create_task(hand.predict("asl", image=jpeg.content))
    await house.answer_next(GesturePrediction(detected=False))
    with pytest.raises(NothingDetected):
        await asking


async def test_keypoints_of_hands_and_of_a_person(hand: Hand, house: House, jpeg: Photo):
    seen = DetectedHand(handedness="Right", score=0.8, landmarks=POINTS)
    asking = asyncio.create_task(hand.hands(jpeg.path, mirror=True))
    await house.answer_next(KeypointsPrediction(detected=True, hands=[seen]))
    hands = await asking
    assert (hands.handedness, hands.score, hands.landmarks) == ("Right", 0.8, POINTS)
    asking = asyncio.create_task(hand.pose(jpeg.path))
    await house.answer_next(KeypointsPrediction(detected=True, right_hand=POINTS))
    pose = await asking
    assert (pose.pose, pose.left_hand, pose.right_hand) == (None, None, POINTS)
    assert SequenceInput(sequence=[Moment(right_hand=pose.right_hand)])


async def test_what_there_is(hand: Hand):
    models = {model.name: model for model in await hand.models()}
    assert models["asl"].installed.version == "0" * 16
    assert models["asl"].licence == "GPL-3.0-or-later"
    assert [device.id for device in await hand.devices()] == ["CPU"]
    assert sorted(worker.lane for worker in await hand.workers()) == ["cpu", "io"]
    status = await hand.status()
    assert sorted(lane.name for lane in status.lanes) == ["cpu", "io"]
    await hand.submit(ModelDownloadSpec(models=["asl"], force=True))
    assert {lane.name: lane.depth for lane in (await hand.status()).lanes} == {"cpu": 0, "io": 1}


@pytest.mark.parametrize("kind", [Framelane, AsyncFramelane])
async def test_a_gateway_that_is_gone_is_told_with_its_address(house: House, kind: type):
    async with serving(house) as server:
        url = f"http://{server.address}"
        hand = Hand(kind(url, patience_s=0))
        await hand.status()
    for asking in (hand.status(), hand.collect("follow", "j"), hand.collect("events", "j")):
        with pytest.raises(ConnectionFailed, match=url):
            await asking
    await hand.close()


async def test_a_prediction_that_takes_too_long_hands_over_its_job(house: House):
    house.settings = Settings(jobs=JobSettings(predict_wait_s=0.05))
    async with serving(house) as server, AsyncFramelane(f"http://{server.address}") as client:
        with pytest.raises(WaitTimeout) as caught:
            await client.predict("asl", landmarks=POINTS)
    assert house.kept == [caught.value.job.id]
