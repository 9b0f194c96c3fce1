"""A frame from its message to its answer, whatever happens to it on the way."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from shared.adapters.memory import MemoryFrameStore, MemorySessions, MemorySessionStore
from shared.catalogue import load_catalogue
from shared.errors import DeviceLeased, InputUnreadable, StoreUnavailable
from shared.inputs import FRAME_COLUMNS, HAND_POINTS, Point
from shared.packing import InferenceTask, floats
from shared.ports.sessions import NewFrame, NewSession
from shared.predictions import GesturePrediction, KeypointsPrediction, Prediction
from shared.results import InferenceResult, InferenceTimings
from shared.sessions import FROM_GATEWAY, POSE_MODEL, FrameKind, FrameResult, SessionSpec
from workers.gate import Gate
from workers.intake import Intake
from workers.sessions.asking import FrameAsking
from workers.sessions.frames import Frames
from workers.sessions.looking import Looker

ENTRIES = load_catalogue().by_name
MOMENT = floats([0.5] * FRAME_COLUMNS)
LETTER = GesturePrediction(label="b", confidence=0.9, top=[])
LEFT = [Point(x=0.1, y=0.2, z=0.3)] * HAND_POINTS
POINTS = KeypointsPrediction(detected=True, hands=[], left_hand=LEFT)


@dataclass
class Handler:
    """Notes what it is asked."""

    answer: Callable[[InferenceTask], Prediction] = lambda task: POINTS if task.model == POSE_MODEL else LETTER
    asked: list[tuple[InferenceTask, bytes]] = field(default_factory=list)

    def run(self, context: FrameAsking) -> InferenceResult:
        self.asked.append((context.task, context.blobs[0]))
        times = InferenceTimings(decode_ms=1, landmarks_ms=2, model_ms=3)
        about = {"model": context.task.model, "version": "v", "runtime": "torch", "device": "CPU"}
        return InferenceResult(**about, predictions=[self.answer(context.task)], timings=times)


class House:
    def __init__(self, handler: Handler | None = None) -> None:
        self.sessions = MemorySessions()
        self.front = MemorySessionStore(self.sessions)
        self.store = MemoryFrameStore(self.sessions)
        self.handler = handler or Handler()
        self.intake = Intake()
        self.woken: list[str] = []
        looker = Looker(self.handler, ENTRIES.get)  # type: ignore[arg-type]
        wake = lambda frame: self.woken.append(frame.session_id)  # noqa: E731
        self.frames = Frames("w", self.store, looker, self.intake, Gate(), wake)

    async def begin(self, model: str = "vgt", window: int = 0, **asked: Any) -> str:
        session, spec = str(uuid4()), SessionSpec(model=model, **asked)
        await self.front.open(NewSession(session, "", spec.model_dump_json(), "cpu", "g", None, window))
        return session

    async def offer(self, session: str, kind: FrameKind = "landmarks", content: bytes = b"row") -> None:
        await self.front.offer(session, 1, NewFrame(kind, content, '"frame":7,"captured":null'))

    async def answers(self, session: str) -> list[Any]:
        return [FROM_GATEWAY.validate_json(each) for each in await self.front.answers(session, 0)]


async def test_a_frame_is_asked_about_as_a_job_would_be():
    house = House()
    session = await house.begin(top_k=2, mirror=True, device="CPU")
    await house.offer(session)
    house.frames.run(session)
    ((task, content),) = house.handler.asked
    assert (task.model, task.options.top_k, task.options.mirror, content) == ("vgt", 2, True, b"row")
    assert (task.inputs[0].kind, task.inputs[0].rows) == ("landmarks", 1)
    (answer,) = await house.answers(session)
    assert isinstance(answer, FrameResult)
    assert (answer.frame, answer.prediction, answer.window) == (7, LETTER, None)
    assert answer.timings.run_ms >= 0
    assert answer.timings.done >= answer.timings.started


async def test_a_word_model_sees_the_window_and_the_new_frame():
    house = House()
    session = await house.begin("lstm", window=3)
    for number in range(4):
        await house.offer(session, "moment", floats([number] * FRAME_COLUMNS))
        house.frames.run(session)
    seen = [
        (task.inputs[0].rows, np.frombuffer(rows, "<f4")[::FRAME_COLUMNS]) for task, rows in house.handler.asked
    ]
    assert [count for count, _ in seen] == [1, 2, 3, 3]
    assert seen[-1][1].tolist() == [1, 2, 3]
    assert [each.window for each in await house.answers(session)] == [1, 2, 3, 3]


async def test_a_photo_becomes_a_moment_mirrored_once():
    house = House()
    session = await house.begin("lstm", window=40, mirror=True, runtime="openvino")
    await house.offer(session, "image", b"photo")
    house.frames.run(session)
    (pose, photo), (words, row) = house.handler.asked
    assert (pose.model, photo, pose.options.mirror, pose.options.runtime) == (POSE_MODEL, b"photo", True, "auto")
    assert (words.model, words.options.mirror, words.options.runtime) == ("lstm", False, "openvino")
    values = np.frombuffer(row, "<f4")
    assert values[:132].tolist() == [0.0] * 132, "no person was seen"
    assert values[132:135].tolist() == pytest.approx([0.1, 0.2, 0.3])
    (answer,) = await house.answers(session)
    assert (answer.timings.landmarks_ms, answer.timings.model_ms) == (4, 6), "of both"


async def test_points_of_a_mirrored_session_are_refused():
    house = House()
    session = await house.begin("lstm", window=40, mirror=True)
    await house.offer(session, "moment", MOMENT)
    house.frames.run(session)
    (answer,) = await house.answers(session)
    assert (answer.type, answer.error.code) == ("failed", "input-unreadable")


@pytest.mark.parametrize(
    ("error", "code"), [(InputUnreadable("no photo"), "input-unreadable"), (RuntimeError("oh"), "internal")]
)
async def test_what_fails_is_told_and_the_next_frame_goes_on(error: Exception, code: str):
    def fail(task: InferenceTask) -> Prediction:
        raise error

    house = House(Handler(fail))
    session = await house.begin()
    await house.offer(session)
    await house.offer(session)
    house.frames.run(session)
    assert house.woken == [session]
    house.frames.run(session)
    assert [(each.type, each.error.code) for each in await house.answers(session)] == [("failed", code)] * 2
    assert house.woken == [session], "nothing waits"


async def test_nothing_is_begun_while_the_device_is_leased():
    house = House()
    session = await house.begin()
    await house.offer(session)
    house.intake.set_leased("a benchmark")
    with pytest.raises(DeviceLeased):
        house.frames.run(session)
    assert not house.handler.asked
    house.intake.set_leased(None)
    house.frames.run(session)
    assert len(await house.answers(session)) == 1


async def test_a_store_that_is_away_for_a_moment_gets_the_answer_once():
    house = House()
    session = await house.begin()
    await house.offer(session)
    finish, failures = house.store.finish, [StoreUnavailable(), StoreUnavailable()]

    def hesitant(*given: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return finish(*given, **named)

    house.store.finish = hesitant  # type: ignore[method-assign]
    house.frames.run(session)
    assert [each.seq for each in await house.answers(session)] == [1]


async def test_a_frame_that_was_given_up_meanwhile_is_told_once():
    house = House()
    session = await house.begin()
    await house.offer(session)

    def slow(task: InferenceTask) -> Prediction:
        kept = house.sessions.kept[session]
        kept.line.look(kept.line.started + 1e6)
        return LETTER

    house.handler.answer = slow
    house.frames.run(session)
    assert [json.loads(each)["type"] for each in await house.front.answers(session, 0)] == ["lost"]
