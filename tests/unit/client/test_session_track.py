"""What a client knows of its session, over any number of connections."""

import json
from typing import Any

import msgpack
import pytest

from client.sdk.problems import ApiProblem, ConnectionFailed
from client.sdk.session_track import SessionTrack
from shared.inputs import Point
from shared.sessions import DroppedFrame, FrameFailed, FrameLost, RefusedFrame, SessionSpec

LIMITS = {
    "in_flight": 2,
    "frame_bytes": 1000,
    "frames_per_s": 30,
    "lost_s": 5,
    "idle_s": 60,
    "left_s": 3600,
}
ERROR = {"code": "x", "title": "x", "detail": "x"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(**fields: Any) -> str:
    said = {
        "type": "session",
        "session": "s",
        "token": "secret",
        "resumed": False,
        "model": "vgt",
        "device": "AUTO",
        "lane": "cpu",
        "takes": ["image"],
        "window": None,
        "record": False,
        "seq": 0,
        "limits": LIMITS,
    }
    return json.dumps(said | fields)


def failed(seq: int, frame: int) -> str:
    return json.dumps({"type": "failed", "seq": seq, "number": seq, "frame": frame, "dropped": 0, "error": ERROR})


def begin(clock: Clock | None = None, **asked: Any) -> SessionTrack:
    track = SessionTrack("http://host:1", SessionSpec(model="vgt", **asked), clock or Clock())
    assert track.hear(begun()) is None
    return track


def send(track: SessionTrack, count: int = 1) -> list[dict[str, Any]]:
    return [msgpack.unpackb(track.message(b"photo", None, None, None, None)) for _ in range(count)]


def test_a_new_session_is_asked_for_in_the_query_and_an_old_one_in_the_first_words():
    asked = SessionTrack("http://host:1", SessionSpec(model="vgt", top_k=2, record=True))
    assert asked.address == "ws://host:1/api/v1/ws/sessions?model=vgt&top_k=2&record=true"
    assert asked.first_words is None
    track = begin()
    assert track.address == "ws://host:1/api/v1/ws/sessions"
    track.hear(failed(4, 0))
    words = {"type": "resume", "session": "s", "token": "secret", "after": 4}
    assert json.loads(track.first_words or "") == words
    track.hear(begun(token=None, resumed=True))
    assert json.loads(track.first_words or "") == words, "the token was told once"


def test_frames_are_named_by_their_number_and_forgotten_with_their_fate():
    track = begin()
    assert [each["frame"] for each in send(track, 2)] == [0, 1]
    assert (track.unanswered, track.room) == (2, False)
    assert isinstance(track.hear(failed(1, 0)), FrameFailed)
    assert track.hear(failed(1, 0)) is None, "told again by another gateway"
    assert isinstance(track.hear('{"type":"dropped","number":2,"frame":1,"dropped":1}'), DroppedFrame)
    assert isinstance(track.hear(json.dumps({"type": "refused", "frame": 9, "error": ERROR})), RefusedFrame)
    assert track.hear('{"type":"of a later version"}') is None
    assert (track.unanswered, track.room) == (0, True)


def test_what_never_came_is_told_once_answers_that_were_missed_are_known():
    track = begin()
    send(track, 3)
    track.hear(begun(token=None, resumed=True, seq=1, open=[1]))
    assert track.never_came() is None, "the answer that is still to come may be one of theirs"
    track.hear(failed(1, 0))
    lost = track.never_came()
    assert isinstance(lost, FrameLost)
    assert (lost.frame, lost.number) == (2, 0)
    assert track.never_came() is None
    assert track.unanswered == 1


def test_a_frame_whose_fate_nobody_tells_is_given_up():
    clock = Clock()
    track = begin(clock)
    send(track)
    clock.now = 11.9
    assert track.unanswered == 1
    clock.now = 12.1
    assert track.unanswered == 0


def test_a_message_has_exactly_one_content():
    track = begin()
    row = msgpack.unpackb(track.message(None, [Point(x=1, y=2, z=3)] * 21, None, "a", 1.5))
    assert (row["frame"], row["captured"], len(row["landmarks"])) == ("a", 1.5, 252)
    moment = msgpack.unpackb(track.message(None, None, {}, 7, None))
    assert moment["moment"] == bytes(1032)
    for image, landmarks in ((None, None), (b"photo", [])):
        with pytest.raises(ValueError):
            track.message(image, landmarks, None, None, None)


def test_the_end_is_told_unless_another_gateway_goes_on():
    track = begin()
    stops = {**ERROR, "code": "gateway-stops", "retryable": True}
    track.hear(json.dumps({"type": "ended", "error": stops}))
    track.closed(1001, "it stops")
    track.refuse()
    track.hear(json.dumps({"type": "ended", "error": {**ERROR, "code": "session-over"}}))
    with pytest.raises(ApiProblem) as problem:
        track.refuse()
    assert problem.value.code == "session-over"


def test_who_is_refused_before_the_beginning_is_told_why():
    track = SessionTrack("http://host:1", SessionSpec(model="vgt"))
    with pytest.raises(ConnectionFailed):
        track.closed(1006, "nobody there")
    busy = {**ERROR, "code": "device-unavailable", "retryable": True}
    track.hear(json.dumps({"type": "ended", "error": busy, "errors": [["/model", "says"]]}))
    with pytest.raises(ApiProblem) as problem:
        track.refuse()
    assert problem.value.errors[0].pointer == "/model"
