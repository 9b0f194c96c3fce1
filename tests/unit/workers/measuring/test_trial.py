"""A run against processes whose frames come as they are told to, in a time of their own."""

import errno
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import PipelineFailed
from workers.gst.request import Request, Stream
from workers.gst.supervise import Message
from workers.measuring.trial import Asked, Trial, run_trial

_LOOK_S = 0.1
KEY = (0, 0)


class Process:
    """Tells every ``interval_s`` how many frames there were; as a parent hears it, it looks ten times a second."""

    def __init__(
        self, fps: float, interval_s: float = 0.25, first_at: float = 1.0, ends_at: float = 1e9, most: float = 1e9
    ) -> None:
        self.now = 50.0
        self._most = most
        self._fps, self._interval_s, self._first_at, self._ends_at = fps, interval_s, first_at, ends_at

    def clock(self) -> float:
        return self.now

    def play(self, request: Request, *, check: Callable[[], None], on_message: Callable[[Message], None]) -> None:
        assert len(request.streams) == 1
        began, told = self.now, 0
        while self.now - began < self._ends_at:
            self.now += _LOOK_S
            while began + (told + 1) * self._interval_s <= self.now:
                told += 1
                frames = int(min(max(told * self._interval_s - self._first_at, 0.0) * self._fps, self._most))
                late, self.now = self.now, began + told * self._interval_s
                on_message({"type": "fps", "streams": [{"stream": 0, "frames": frames, "dropped": told}]})
                self.now = late
            check()

    def trial(self, warm_up_s: float = 1.0, duration_s: float = 2.0) -> Trial:
        asked = Asked([[Request("-", (Stream(0, "s"),))]], warm_up_s, duration_s, patience_s=30.0)
        return run_trial(asked, self.play, lambda: None, [], self.clock)


@given(
    fps=st.floats(20, 400),
    interval_s=st.floats(0.05, 0.6),
    warm_up_s=st.floats(0, 2),
    duration_s=st.floats(1, 8),
)
def test_frames_of_the_last_moments_are_not_missing(
    fps: float, interval_s: float, warm_up_s: float, duration_s: float
) -> None:
    made = Process(fps, interval_s).trial(warm_up_s, duration_s)
    length = made.window.ended - made.window.began
    assert made.rates[KEY] == pytest.approx(fps, abs=2.5 / length)
    assert made.total_fps == made.rates[KEY]
    assert made.slowest == KEY


def test_what_a_run_can_fail_of() -> None:
    with pytest.raises(PipelineFailed, match="within 30 s"):
        Process(50, first_at=99.0).trial()
    with pytest.raises(PipelineFailed, match="ended before the measured part did"):
        Process(50, ends_at=2.0).trial()
    with pytest.raises(PipelineFailed, match="no frame came"):
        Process(50, most=20).trial()


def test_a_process_that_can_not_be_started_fails_the_run_and_not_the_worker() -> None:
    def play(request: Request, *, check: Callable[[], None], on_message: Callable[[Message], None]) -> None:
        assert (request.text, callable(check), callable(on_message)) == ("-", True, True)
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    asked = Asked([[Request("-", (Stream(0, "s"),))] * 3], 1.0, 1.0)
    with pytest.raises(PipelineFailed, match="can't be started: Resource temporarily unavailable"):
        run_trial(asked, play, lambda: None, [])
