"""What every store of live sessions promises: each frame has one fate, answers come in order, the window is exact."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.memory import MemoryFrameStore, MemorySessions, MemorySessionStore
from shared.adapters.redis_sessions import RedisFrameStore, RedisSessionStore
from shared.ports.sessions import FrameStore, NewFrame, NewSession, SessionStore, TakenFrame
from shared.routing import Route
from shared.session_errors import SessionNotFound, SessionTaken
from shared.sessions import FRAME_TASK, FROM_GATEWAY, hashed
from shared.settings import SessionSettings, Settings
from tests.support.polling import soon

ROW = 4
GATEWAY, OTHER = "gateway-1", "gateway-2"


@dataclass
class Rig:
    front: SessionStore
    workshop: FrameStore

    async def begin(self, **fields: Any) -> str:
        session_id = str(uuid4())
        new = NewSession(session_id, hashed("token"), "{}", "cpu", GATEWAY, None)
        await self.front.open(replace(new, **fields))
        return session_id

    async def offer(self, session_id: str, frame: int = 0, turn: int = 1) -> list[int]:
        """Numbers of the frames that it drove out."""
        offered = await self.front.offer(session_id, turn, NewFrame("moment", b"m%d" % frame, meta(frame)))
        return [json.loads(each)["number"] for each in offered.dropped]

    def take(self, session_id: str) -> TakenFrame:
        taken = self.workshop.take(session_id, "worker")
        assert taken is not None
        return taken

    async def look_until_none_is_open(self, session_id: str) -> int:
        """The losses then."""
        losses = 0

        async def done() -> bool:
            nonlocal losses
            looked = await self.front.look(session_id, 1)
            losses = looked.losses
            return looked.open == 0

        await soon(done)
        return losses

    async def told(self, session_id: str, after: int = 0) -> list[dict[str, Any]]:
        return [json.loads(each) for each in await self.front.answers(session_id, after)]


def meta(frame: int) -> str:
    return f'"frame":{frame},"captured":{frame}.5'


FAILED = '"error":{"code":"x","title":"x","detail":"a \\" and \\u00e9","retryable":false}'
SHORT = SessionSettings(lost_s=0.0001)


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made: list[Rig] = []

    def rig(limits: SessionSettings | None = None) -> Rig:
        limits = limits or SessionSettings()
        if request.param == "memory":
            shared = MemorySessions(limits)
            made.append(Rig(MemorySessionStore(shared), MemoryFrameStore(shared)))
        else:
            settings: Settings = request.getfixturevalue("settings").model_copy(update={"sessions": limits})
            made.append(Rig(RedisSessionStore(settings), RedisFrameStore(settings)))
        return made[-1]

    yield rig
    for each in made:
        await each.front.close()
        each.workshop.close()


@pytest.fixture
def rig(make: Any) -> Rig:
    return make()


async def test_a_frame_comes_out_as_it_went_in_and_its_answer_names_it(rig: Rig):
    session = await rig.begin(spec='{"model":"vgt"}')
    content = bytes(range(256)) * 300
    await rig.front.offer(session, 1, NewFrame("image", content, '"frame":"a \\"b","captured":null', held_s=0.25))
    taken = rig.take(session)
    assert (taken.number, taken.spec, taken.kind, taken.content) == (1, '{"model":"vgt"}', "image", content)
    assert taken.received + 0.25 == pytest.approx(taken.queued, abs=1e-3)
    assert taken.queued <= taken.started
    assert not rig.workshop.finish(taken, "failed", FAILED).stale
    (answer,) = await rig.front.answers(session, 0)
    FROM_GATEWAY.validate_json(answer)
    assert json.loads(answer) == {
        "type": "failed",
        "seq": 1,
        "number": 1,
        "frame": 'a "b',
        "captured": None,
        "dropped": 0,
        "error": {"code": "x", "title": "x", "detail": 'a " and é', "retryable": False},
    }


async def test_the_newest_frame_wins_and_one_runs_at_a_time(make: Any):
    rig = make(SessionSettings(in_flight=3))
    session = await rig.begin()
    assert [await rig.offer(session, frame) for frame in range(1, 4)] == [[], [], []]
    first = rig.take(session)
    assert first.number == 1
    assert rig.workshop.take(session, "another") is None, "one at a time"
    assert [await rig.offer(session, frame) for frame in range(4, 7)] == [[2], [3], [4]]
    rig.workshop.finish(first, "failed", FAILED)
    assert rig.take(session).number == 5
    told = await rig.told(session)
    assert [(each["number"], each["dropped"]) for each in told] == [(1, 3)]


async def test_an_answer_is_told_once(rig: Rig):
    session = await rig.begin()
    await rig.offer(session)
    taken = rig.take(session)
    assert not rig.workshop.finish(taken, "failed", FAILED).stale
    assert rig.workshop.finish(taken, "failed", FAILED).stale
    assert len(await rig.told(session)) == 1


async def test_a_message_is_wanted_only_when_none_is_under_way(make: Any):
    rig = make(SessionSettings(in_flight=2))
    session = await rig.begin()
    frame = NewFrame("moment", b"", meta(1))
    assert (await rig.front.offer(session, 1, frame)).wake
    assert not (await rig.front.offer(session, 1, frame)).wake
    taken = rig.take(session)
    assert not (await rig.front.offer(session, 1, frame)).wake, "the end of the one that runs calls for it"
    assert rig.workshop.finish(taken, "failed", FAILED).wake
    assert not rig.workshop.finish(rig.take(session), "failed", FAILED).wake
    assert (await rig.front.offer(session, 1, frame)).wake


async def test_the_window_holds_the_newest_rows_without_the_one_that_goes(rig: Rig):
    session = await rig.begin(window=3)
    seen = []
    for number in range(5):
        await rig.offer(session)
        taken = rig.take(session)
        seen.append(taken.window)
        rig.workshop.finish(taken, "failed", FAILED, b"row%d" % number)
    assert seen == [b"", b"row0", b"row0row1", b"row1row2", b"row2row3"]


async def test_a_lost_worker_adds_nothing_to_the_window_and_nothing_twice(make: Any):
    rig = make(SHORT)
    session = await rig.begin(window=3)
    await rig.offer(session, 1)
    dead = rig.take(session)
    assert await rig.look_until_none_is_open(session) == 1
    await rig.offer(session, 2)
    heir = rig.take(session)
    assert rig.workshop.finish(dead, "failed", FAILED, b"dead").stale, "it comes back too late"
    assert rig.workshop.finish(heir, "failed", FAILED, b"heir").stale is False
    await rig.offer(session, 3)
    assert rig.take(session).window == b"heir"
    assert [(each["type"], each["frame"]) for each in await rig.told(session)] == [("lost", 1), ("failed", 2)]
    assert (await rig.front.look(session, 1)).losses in {0, 1}


async def test_reset_forgets_frames_that_were_sent_before(rig: Rig):
    session = await rig.begin(window=5)
    for _ in range(2):
        await rig.offer(session)
    old = rig.take(session)
    assert await rig.front.reset(session, 1) == 2
    rig.workshop.finish(old, "failed", FAILED, b"old1")
    rig.workshop.finish(rig.take(session), "failed", FAILED, b"old2")
    await rig.offer(session)
    new = rig.take(session)
    assert new.window == b""
    rig.workshop.finish(new, "failed", FAILED, b"new3")
    await rig.offer(session)
    assert rig.take(session).window == b"new3"


async def test_frames_that_nobody_takes_are_told_as_lost_in_their_order(make: Any):
    rig = make(SHORT)
    session = await rig.begin()
    await rig.offer(session, 1)
    await rig.offer(session, 2)
    assert await rig.look_until_none_is_open(session) == 0
    told = await rig.told(session)
    assert [(each["type"], each["seq"], each["frame"]) for each in told] == [("lost", 1, 1), ("lost", 2, 2)]
    for each in await rig.front.answers(session, 0):
        FROM_GATEWAY.validate_json(each)


async def test_who_resumes_has_the_session_and_who_had_it_is_told(rig: Rig):
    session = await rig.begin(window=7, record=True, spec="spec")
    with pytest.raises(SessionNotFound):
        await rig.front.resume(session, hashed("another token"), OTHER)
    with pytest.raises(SessionNotFound):
        await rig.front.resume(str(uuid4()), hashed("token"), OTHER)
    async with rig.front.listen(GATEWAY) as old, rig.front.listen(OTHER) as new:
        await rig.offer(session, 1)
        held = await rig.front.resume(session, hashed("token"), OTHER)
        assert (held.spec, held.turn, held.seq, held.window, held.record) == ("spec", 2, 0, 7, True)
        assert held.open == [meta(1)]
        taken_over = await anext(old)
        assert taken_over
        assert (taken_over.session_id, taken_over.turn, taken_over.answer) == (session, 1, None)
        for call in (rig.offer(session), rig.front.look(session, 1), rig.front.reset(session, 1)):
            with pytest.raises(SessionTaken):
                await call
        rig.workshop.finish(rig.take(session), "failed", FAILED)
        news = await anext(new)
        assert news
        assert (news.turn, json.loads(news.answer or "")["frame"]) == (2, 1)
    assert [each["seq"] for each in await rig.told(session, 0)] == [1]
    assert await rig.told(session, 1) == []


async def test_only_the_last_answers_are_kept(make: Any):
    rig = make(SessionSettings(answers_kept=2))
    session = await rig.begin()
    for frame in range(4):
        await rig.offer(session, frame)
        rig.workshop.finish(rig.take(session), "failed", FAILED)
    assert [each["seq"] for each in await rig.told(session, 0)] == [3, 4]
    assert [each["seq"] for each in await rig.told(session, 3)] == [4]


async def test_a_session_that_ended_is_gone(rig: Rig):
    session = await rig.begin()
    await rig.offer(session)
    taken = rig.take(session)
    await rig.front.end(session, 1)
    assert rig.workshop.finish(taken, "failed", FAILED).stale
    assert rig.workshop.take(session, "worker") is None
    assert await rig.told(session) == []
    with pytest.raises(SessionNotFound):
        await rig.offer(session)


async def test_a_session_without_frames_lapses(make: Any):
    rig = make(SessionSettings(idle_s=0.02))
    session = await rig.begin()

    async def lapsed() -> bool:
        try:
            await rig.front.look(session, 1)
        except SessionNotFound:
            return True
        return False

    await soon(lapsed)
    with pytest.raises(SessionNotFound):
        await rig.front.resume(session, hashed("token"), OTHER)


async def test_recorded_answers_wait_for_their_file_and_are_forgotten_with_the_last(rig: Rig):
    session = await rig.begin(record=True)
    await rig.begin()
    for frame in range(3):
        await rig.offer(session, frame)
        rig.workshop.finish(rig.take(session), "failed", FAILED)
    assert await rig.front.recorded() == [session]
    part = await rig.front.record_part(session, 2)
    assert (part.first, [json.loads(line)["frame"] for line in part.lines], part.ended) == (0, [0, 1], False)
    await rig.front.filed(session, part)
    await rig.front.filed(session, part)  # by another gateway
    await rig.front.end(session, 1)
    rest = await rig.front.record_part(session, 2)
    assert (rest.first, [json.loads(line)["frame"] for line in rest.lines], rest.ended) == (2, [2], True)
    await rig.front.filed(session, rest)
    await rig.front.filed(session, rest)
    assert await rig.front.recorded() == []


async def test_messages_go_where_the_session_is_each_with_a_tag_of_its_own(settings: Settings):
    """On the server that is also the broker the scripts push them."""
    queue = CeleryJobQueue(settings)
    front, workshop = RedisSessionStore(settings), RedisFrameStore(settings)
    rig = Rig(front, workshop)
    first = queue.envelope(Route(FRAME_TASK, "cpu", 7), "any", {})
    second = queue.envelope(Route(FRAME_TASK, "gpu", 7), "any", {})
    assert first
    assert second
    try:
        session = await rig.begin(message=first)
        for _ in range(3):
            offered = await front.offer(session, 1, NewFrame("moment", b"", meta(1)))
            assert not offered.wake
        workshop.finish(rig.take(session), "failed", FAILED)
        await front.move(session, 1, "gpu", second)
        taken = rig.take(session)
        await rig.offer(session)
        workshop.finish(taken, "failed", FAILED)
        with redis.Redis.from_url(settings.store_url) as client:
            cpu, gpu = (client.lrange(each.key, 0, -1) for each in (first, second))
        tags = [json.loads(each)["properties"]["delivery_tag"] for each in (*cpu, *gpu)]
        assert (len(cpu), len(gpu), len(set(tags))) == (2, 1, 3)
    finally:
        await front.close()
        workshop.close()
        queue.close()


ACTIONS = st.lists(st.sampled_from(["offer", "take", "finish", "reset", "late"]), max_size=40)


@given(actions=ACTIONS, in_flight=st.integers(2, 4))
@hypothesis_settings(max_examples=60, deadline=None)
async def test_every_frame_has_one_fate_whatever_happens(actions: list[str], in_flight: int):
    """In memory, whose line of frames is the law; the suite above holds for both."""
    shared = MemorySessions(SessionSettings(in_flight=in_flight))
    rig = Rig(MemorySessionStore(shared), MemoryFrameStore(shared))
    session = await rig.begin(window=3)
    offered = 0
    dropped: list[int] = []
    running: TakenFrame | None = None
    rows: list[bytes] = []
    for action in actions:
        if action == "offer":
            offered += 1
            dropped += await rig.offer(session, offered)
        elif action == "take" and (taken := rig.workshop.take(session, "w")):
            assert running is None
            assert taken.window == b"".join(rows[-2:])
            running = taken
        elif action == "finish" and running:
            row = b"%04d" % running.number
            assert not rig.workshop.finish(running, "failed", FAILED, row).stale
            rows = [*rows, row] if running.number > shared.kept[session].line._reset else rows
            running = None
        elif action == "late" and running:
            assert rig.workshop.finish(replace(running, number=running.number - 1), "failed", FAILED).stale
        elif action == "reset":
            await rig.front.reset(session, 1)
            rows = []
    line = shared.kept[session].line
    answered = [each["number"] for each in await rig.told(session)]
    waiting = [each.number for each in line.waiting] + ([running.number] if running else [])
    assert answered == sorted(answered)
    assert sorted([*answered, *dropped, *waiting]) == list(range(1, offered + 1))
    assert line.open <= in_flight
    assert not offered or offered not in dropped, "the newest is never dropped"
