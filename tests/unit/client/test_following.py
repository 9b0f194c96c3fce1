"""A follower passes every event once and in order, however the connections break."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.following import Track, parse_frame
from client.sdk.problems import ConnectionFailed
from shared.events import Lagged, Ping, Progressed, Snapshot, StateChanged
from shared.jobs import Job, Progress
from shared.states import JobState

WHO = {"job_id": "j", "kind": "inference", "device": "CPU", "lane": "cpu", "at_ms": 0}


def event(seq: int, last: int) -> Progressed | StateChanged:
    if seq == last:
        return StateChanged(seq=seq, state=JobState.COMPLETED, attempt=0, **WHO)
    return Progressed(seq=seq, progress=Progress(fraction=seq / last), **WHO)


def job(state: JobState, seq: int) -> Job:
    return Job(
        id="j",
        kind="inference",
        state=state,
        device="CPU",
        lane="cpu",
        priority=5,
        labels={},
        attempt=0,
        progress=Progress(),
        cancel_requested=False,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
        queue_wait_ms=None,
        run_ms=None,
        outcome=None,
        attempts=[],
        artifacts=[],
        seq=seq,
    )


@given(data=st.data(), last=st.integers(2, 40))
def test_any_breaks_and_repeats_give_each_event_once_and_in_order(data: st.DataObject, last: int):
    track = Track("http://gateway", after_seq=0)
    passed: list[int] = []
    while not track.ended:
        track.connected()
        # A connection repeats some of what was told before, goes on for a while and breaks.
        begin = data.draw(st.integers(1, track.after_seq + 1))
        end = data.draw(st.integers(min(track.after_seq + 1, last), last))
        for seq in range(begin, end + 1):
            news = track.take(event(seq, last))
            passed += [news.seq] if news else []
            assert track.take(Ping()) is None
    assert passed == list(range(1, last + 1))


def test_a_snapshot_stands_for_what_came_before_it():
    track = Track("http://gateway")
    first = Snapshot(seq=5, job=job(JobState.RUNNING, 5))
    assert track.take(first) is first
    assert track.take(event(5, 9)) is None
    assert track.take(event(6, 9)).seq == 6
    assert not track.ended


def test_the_snapshot_of_a_job_that_has_ended_is_all():
    track = Track("http://gateway")
    track.take(Snapshot(seq=5, job=job(JobState.FAILED, 5)))
    assert track.ended


def test_a_reader_that_was_too_slow_goes_on_after_what_it_has():
    track = Track("http://gateway", after_seq=3)
    assert track.take(Lagged(resume_after=9)) is None
    assert track.after_seq == 3
    assert not track.ended


def test_a_job_whose_end_was_told_before_ends_the_following():
    track = Track("http://gateway", after_seq=7)
    track.look(job(JobState.RUNNING, 7))
    assert not track.ended
    track.look(job(JobState.COMPLETED, 8))
    assert not track.ended, "its last event wasn't told yet"
    track.look(job(JobState.COMPLETED, 7))
    assert track.ended


def test_nobody_at_the_first_try_is_told_at_once():
    with pytest.raises(ConnectionFailed, match=r"http://gateway \(refused\).*framelane up"):
        Track("http://gateway").lost("refused")


def test_a_connection_that_was_there_is_tried_again_ever_slower_but_not_for_ever():
    track = Track("http://gateway")
    track.connected()
    track.lost("reset")
    pauses = [track.pause() for _ in range(12)]
    assert pauses == sorted(pauses)
    assert 10 < sum(pauses) < 40
    with pytest.raises(ConnectionFailed, match="reset"):
        track.pause()


def test_news_make_the_tries_count_anew():
    track = Track("http://gateway", after_seq=0)
    track.connected()
    for seq in range(1, 30):
        track.pause()
        track.take(event(seq, 99))
    assert track.pause() == pytest.approx(0.1)


def test_a_kind_of_message_that_is_not_known_yet_is_passed_over():
    assert parse_frame(json.dumps({"type": "thumbnail", "seq": 4})) is None
    assert parse_frame('{"type": "ping"}') == Ping()
