"""Rates over windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.measuring.counts import Counts, window


def counted(fps: float, began: float, seconds: float, interval: float = 0.25) -> Counts:
    counts = Counts()
    for tick in range(int(seconds / interval) + 1):
        counts.add(tick * interval, int(max(tick * interval - began, 0.0) * fps))
    return counts


@given(fps=st.floats(5, 500), began=st.floats(0, 3))
def test_an_even_stream_has_its_rate(fps: float, began: float) -> None:
    counts = counted(fps, began, 12)
    assert counts.rate(5, 11) == pytest.approx(fps, abs=0.4)


def test_the_window_begins_when_the_last_stream_is_warm() -> None:
    streams = {(0, 0): counted(30, 0.0, 20), (0, 1): counted(30, 4.0, 20)}
    found = window(streams, warm_up_s=2.0, ended=20.0, interval_s=0.5)
    assert found is not None
    assert 6.0 <= found.began <= 7.0
    assert found.ended == 20.0


def test_what_still_rises_is_left_out() -> None:
    slow_start = Counts()
    frames = 0.0
    for tick in range(80):
        slow_start.add(tick * 0.25, int(frames))
        frames += 1 if tick < 20 else 10
    found = window({(0, 0): slow_start}, warm_up_s=0.0, ended=19.5, interval_s=0.5)
    assert found is not None
    assert found.began >= 4.5
    assert slow_start.rate(found.began, found.ended) == pytest.approx(40, rel=0.03)


def test_a_stream_without_frames_has_no_window() -> None:
    assert window({(0, 0): Counts(), (0, 1): counted(30, 0, 5)}, 1.0, 5.0, 0.5) is None
    assert window({(0, 0): counted(30, 0, 5)}, 4.9, 5.0, 0.5) is None
    assert window({}, 1.0, 5.0, 0.5) is None


def test_counts_before_and_after_what_is_known() -> None:
    counts = counted(30, 0.0, 2)
    assert counts.by(-1.0) == 0.0
    assert counts.by(99.0) == 60.0
