"""Live sessions as a client meets them at one gateway: what it may send, what it is told, how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shared.adapters.memory import MemoryFrameStore
from shared.packing import floats
from shared.sessions import FROM_GATEWAY
from shared.settings import SessionSettings, Settings
from tests.support.gateway import House, serving
from tests.support.pictures import page, png
from tests.support.polling import soon

POINT = {"x": 0.1, "y": 0.2, "z": 0.3}
HAND = [POINT] * 21
PATH = "/api/v1/ws/sessions"
ERROR = '"error":{"code":"x","title":"x","detail":"x","retryable":false}'


class Client:
    """A socket, and the worker that a test plays."""

    def __init__(self, house: House, socket: ClientConnection) -> None:
        self.frames = MemoryFrameStore(house.sessions)
        self.socket = socket
        self.begun: dict[str, Any] = {}

    async def told(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            text = await self.socket.recv()
        FROM_GATEWAY.validate_json(text)
        return json.loads(text)

    async def send(self, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": "frame", **fields}))

    async def taken(self) -> Any:
        """The next frame, once it is there."""
        taken: list[Any] = []

        async def there() -> bool:
            taken.append(self.frames.take(self.begun["session"], "w"))
            return taken[-1] is not None

        await soon(there)
        return taken[-1]

    async def ended(self) -> tuple[dict[str, Any], int | None]:
        """The last message, and the close code."""
        said: dict[str, Any] = {}
        try:
            while True:
                said = await self.told()
        except ConnectionClosed as closed:
            return said, closed.rcvd and closed.rcvd.code


@asynccontextmanager
async def session(house: House, address: str, query: str = "?model=vgt") -> AsyncIterator[Client]:
    async with connect(f"ws://{address}{PATH}{query}", compression=None) as socket:
        client = Client(house, socket)
        if query:
            client.begun = await client.told()
        yield client


def limited(**limits: Any) -> House:
    return House(Settings(sessions=SessionSettings(**limits)))


async def test_the_first_message_tells_the_token_and_what_may_be_sent(house: House):
    async with serving(house) as server, session(house, server.address, "?model=lstm&record=true") as client:
        assert client.begun["takes"] == ["image", "moment"]
        assert client.begun["window"] == 40
        assert client.begun["record"] is True
        kept = house.sessions.kept[client.begun["session"]].new
        assert client.begun["token"] not in (kept.token_hash, kept.spec)
        assert client.begun["limits"]["in_flight"] == 3


async def test_landmarks_come_as_json_or_as_floats(house: House):
    row = floats([0.1, 0.2, 0.3] * 21)
    async with serving(house) as server, session(house, server.address) as client:
        await client.send(frame=1, captured=2.5, landmarks=HAND)
        one = await client.taken()
        client.frames.finish(one, "failed", ERROR)
        told = await client.told()
        assert (told["frame"], told["captured"], told["seq"]) == (1, 2.5, 1)
        await client.socket.send(msgpack.packb({"frame": "b", "landmarks": row}))
        two = await client.taken()
        assert (one.kind, one.content) == (two.kind, two.content) == ("landmarks", row)
        client.frames.finish(two, "failed", ERROR)
        assert (await client.told())["frame"] == "b"
        picture = png(page("A", height=48, width=64))
        await client.socket.send(picture)
        three = await client.taken()
        assert (three.kind, three.content) == ("image", picture)


REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "no JSON": ("{", "frame-unreadable", "Invalid JSON"),
    "no frame": ("{}", "frame-unreadable", "type"),
    "nothing in it": ('{"type":"frame","frame":1}', "frame-unreadable", "exactly one"),
    "too few points": (json.dumps({"type": "frame", "frame": 1, "landmarks": HAND[:3]}), "frame-unreadable", "21"),
    "of another model": (
        json.dumps({"type": "frame", "frame": 1, "moment": {"left_hand": HAND}}),
        "frame-unreadable",
        "vgt takes image or landmarks",
    ),
    "no photo": (b"\xff\xd8\xff broken", "frame-unreadable", "image"),
    "no msgpack": (b"\x00\x01", "frame-unreadable", "msgpack"),
    "msgpack list": (msgpack.packb([1]), "frame-unreadable", "msgpack"),
    "short floats": (msgpack.packb({"frame": 1, "landmarks": b"1234"}), "frame-unreadable", "63"),
    "no numbers": (
        msgpack.packb({"frame": 1, "landmarks": floats([float("nan")] * 63)}),
        "frame-unreadable",
        "finite",
    ),
    "unknown field": (msgpack.packb({"frame": 1, "photo": b""}), "frame-unreadable", "photo"),
    "late resume": ('{"type":"resume","session":"a","token":"b"}', "frame-unreadable", "first message"),
    "too large": (b"\xff\xd8\xff" + b"0" * 5000, "frame-too-large", "FRAMELANE_SESSIONS__FRAME_BYTES"),
}


async def test_what_is_wrong_with_a_frame_is_told_and_the_session_goes_on():
    house = limited(frame_bytes=4_500)
    async with serving(house) as server, session(house, server.address) as client:
        for name, (message, code, says) in REFUSED.items():
            await client.socket.send(message)
            told = await client.told()
            assert (told["type"], told["error"]["code"]) == ("refused", code), name
            assert says in told["error"]["detail"], (name, told)
        await client.send(landmarks=HAND)
        assert (await client.taken()).number == 1, "none of them was counted"


async def test_the_newest_wins_and_dropped_frames_are_told():
    house = limited(in_flight=2)
    async with serving(house) as server, session(house, server.address) as client:
        for frame in range(4):
            await client.send(frame=frame, landmarks=HAND)
        told = [await client.told() for _ in range(2)]
        assert [(each["type"], each["frame"], each["dropped"]) for each in told] == [
            ("dropped", 0, 1),
            ("dropped", 1, 2),
        ]


async def test_frames_that_come_too_fast_are_refused_and_in_the_end_the_connection_closes():
    house = limited(frames_per_s=1, refusals=2)
    async with serving(house) as server, session(house, server.address) as client:
        for frame in range(3):
            await client.send(frame=frame, landmarks=HAND)
        told = await client.told()
        assert (told["type"], told["frame"], told["error"]["code"]) == ("refused", 1, "frames-too-fast")
        assert "FRAMELANE_SESSIONS__FRAMES_PER_S" in told["error"]["detail"]
        said, code = await client.ended()
        assert (said["type"], said["error"]["code"], code) == ("ended", "frames-too-fast", 4429)


async def test_a_session_goes_on_with_its_token_and_who_had_it_is_told(house: House):
    async with (
        serving(house) as server,
        session(house, server.address) as first,
        session(house, server.address, "") as second,
    ):
        await first.send(frame=1, landmarks=HAND)
        frame = await first.taken()
        resume = {"type": "resume", "session": first.begun["session"], "token": first.begun["token"], "after": 0}
        await second.socket.send(json.dumps(resume))
        begun = second.begun = await second.told()
        assert (begun["resumed"], begun["token"], begun["open"]) == (True, None, [1])
        said, code = await first.ended()
        assert (said["error"]["code"], code) == ("session-taken", 4409)
        first.frames.finish(frame, "failed", ERROR)
        assert (await second.told())["frame"] == 1
        await second.send(frame=2, landmarks=HAND)
        second.frames.finish(await second.taken(), "failed", ERROR)
        assert (await second.told())["seq"] == 2


async def test_answers_that_were_missed_are_told_again(house: House):
    async with serving(house) as server:
        async with session(house, server.address) as client:
            for frame in range(2):
                await client.send(frame=frame, landmarks=HAND)
                client.frames.finish(await client.taken(), "failed", ERROR)
                await client.told()
        async with session(house, server.address, "") as again:
            said = {
                "type": "resume",
                "session": client.begun["session"],
                "token": client.begun["token"],
                "after": 1,
            }
            await again.socket.send(json.dumps(said))
            assert (await again.told())["seq"] == 2
            assert (await again.told())["frame"] == 1


@pytest.mark.parametrize("session_id", ["another", "its own"])
async def test_a_token_is_good_for_its_session_alone(house: House, session_id: str):
    async with (
        serving(house) as server,
        session(house, server.address) as other,
        session(house, server.address, "") as client,
    ):
        named = other.begun["session"] if session_id == "its own" else "nothing"
        await client.socket.send(json.dumps({"type": "resume", "session": named, "token": "guessed"}))
        said, code = await client.ended()
        assert (said["error"]["code"], code) == ("session-not-found", 4404)
        await other.send(landmarks=HAND)
        assert await other.taken(), "who has it notices nothing"


async def test_who_says_nothing_or_something_else_first_is_told_what_to_say():
    house = limited(first_message_s=0.05)
    async with serving(house) as server:
        for first in (None, "{}", b"\xff\xd8\xff"):
            async with session(house, server.address, "") as client:
                if first is not None:
                    await client.socket.send(first)
                said, code = await client.ended()
                assert (said["error"]["code"], code) == ("invalid-spec", 4422)
                assert "resume" in said["errors"][0][1]


async def test_reset_and_close(house: House):
    async with serving(house) as server, session(house, server.address, "?model=lstm") as client:
        await client.send(moment={"left_hand": HAND})
        client.frames.finish(await client.taken(), "failed", ERROR, b"row")
        await client.told()
        await client.socket.send('{"type":"reset"}')
        assert await client.told() == {"type": "reset", "after": 1}
        await client.socket.send('{"type":"close"}')
        said, code = await client.ended()
        assert (said, code) == ({}, 1000)
        assert not house.sessions.kept


@pytest.mark.parametrize(
    ("limits", "error", "close_code"),
    [
        ({"idle_s": 0.05}, "session-idle", 4408),
        ({"lifetime_s": 0.05}, "session-over", 4410),
        ({"lost_s": 0.05, "losses": 1}, "frames-lost", 4422),
    ],
)
async def test_limits_end_a_session_and_say_so(limits: dict[str, Any], error: str, close_code: int):
    house = limited(**limits)
    async with serving(house) as server, session(house, server.address) as client:
        if "losses" in limits:
            await client.send(frame=1, landmarks=HAND)
            await client.taken()
            told = await client.told()
            assert (told["type"], told["frame"]) == ("lost", 1)
        said, code = await client.ended()
        assert (said["error"]["code"], code) == (error, close_code)
        assert not house.sessions.kept


async def test_more_sessions_than_a_gateway_takes_are_sent_elsewhere():
    house = limited(per_gateway=1)
    async with serving(house) as server, session(house, server.address):
        async with connect(f"ws://{server.address}{PATH}?model=vgt") as socket:
            said, code = await Client(house, socket).ended()
        assert (said["error"]["code"], said["error"]["retryable"], code) == ("too-many-sessions", True, 4503)


async def test_what_can_t_be_begun_is_told(house: House):
    async with serving(house) as server:
        for query, error, code in (
            ("?model=nobody", "model-not-found", 4404),
            ("?model=vgt&device=GPU", "device-unavailable", 4503),
            ("?model=hand_landmarker&device=GPU", "invalid-spec", 4422),
        ):
            async with connect(f"ws://{server.address}{PATH}{query}") as socket:
                said, closed = await Client(house, socket).ended()
                assert (said["error"]["code"], closed) == (error, code), query
        for query in ("?model=vgt&priority=10", "?model=vgt&speed=1", "?model=.."):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://{server.address}{PATH}{query}").__aenter__()
            assert refused.value.response.status_code == 422


async def test_a_gateway_that_stops_sends_its_sessions_elsewhere(house: House):
    async with serving(house) as server, session(house, server.address) as client:
        server.should_exit = True
        said, code = await client.ended()
        assert (said["error"]["code"], said["error"]["retryable"], code) == ("gateway-stops", True, 1001)
        assert house.sessions.kept, "it can be resumed"
