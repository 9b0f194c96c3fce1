"""What a pipeline said, as a verdict; and what a look at one comes to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import PipelineFailed
from shared.measurements import Expectation
from workers.gst.request import Request
from workers.measuring.looking import Seen, Until, agreed, look, shortfall
from workers.measuring.verdicts import STAGES, Report, matched, produced, ran

UNTIL = Until(seconds=5.0, patience_s=2.0, frames=100)
ANYTHING = Expectation()
FAULT = {"type": "error", "phase": "link", "message": "no", "element": "a", "factory": "", "debug": ""}


def line(at: int, label: str = "person") -> str:
    found = {"x": 0, "y": 0, "w": 9, "h": 9, "detection": {"label": label}}
    return json.dumps({"timestamp": at, "resolution": {"width": 9, "height": 9}, "objects": [found]})


def fps(frames: int) -> dict[str, Any]:
    return {"type": "fps", "streams": [{"stream": 0, "frames": frames, "fps": 1.0}]}


class Playing:
    """A process that says what it is told to; a number: so many seconds go by."""

    def __init__(self, *says: dict[str, Any] | float | Exception) -> None:
        self.says, self.now = says, 0.0

    def __call__(
        self, request: Request, *, check: Callable[[], None], on_message: Callable[[Any], None]
    ) -> object:
        stopped: BaseException | None = None
        for each in self.says:
            if isinstance(each, Exception):
                raise each
            if isinstance(each, dict):
                on_message(each)
            else:
                self.now += each
            if stopped is None:
                try:
                    check()
                except Exception as error:  # noqa: BLE001 - raised in the end: what is under way still comes
                    stopped = error
        if stopped:
            raise stopped

    def look(self) -> Seen:
        return look(Request("-", ()), self, UNTIL, lambda: None, lambda: self.now)


FIRST = {"type": "first_frame", "stream": 0}


@pytest.mark.parametrize(
    ("playing", "why", "frames"),
    [
        (Playing(FIRST, fps(7), {**fps(9), "type": "ended"}), "eos", 9),
        (Playing(1.9, FIRST, fps(7), 1.9, fps(8), 1.9, fps(9), 1.9, fps(9)), "time", 9),
        (Playing(FIRST, fps(99), 1, fps(101), fps(103)), "frames", 103),
        (Playing(1.9, 0.2), "silent", 0),
        (Playing(FIRST, fps(7), 1, fps(7), 1.1, fps(8)), "still", 8),
        (Playing(FIRST, fps(7), FAULT, PipelineFailed("it failed")), "failed", 7),
    ],
)
def test_a_look_ends_when_it_is_enough(playing: Playing, why: str, frames: int) -> None:
    seen = playing.look()
    assert (seen.why, seen.frames) == (why, frames)


def test_records_after_the_stop_are_not_gone_by() -> None:
    seen = Playing(
        FIRST, {"type": "record", "json": line(5)}, fps(100), {"type": "record", "json": line(6)}
    ).look()
    assert (seen.why, seen.last_at()) == ("frames", 5)


def test_a_death_without_a_word_is_not_the_pipeline_s_doing() -> None:
    with pytest.raises(PipelineFailed, match="SIGSEGV"):
        Playing(FIRST, PipelineFailed("killed by SIGSEGV")).look()
    with pytest.raises(PipelineFailed, match="no GStreamer"):
        Playing(FAULT | {"phase": "start"}, PipelineFailed("no GStreamer")).look()


def test_runs_that_were_stopped_are_compared_as_far_as_both_went() -> None:
    long = Seen("frames", 3, [line(1), line(2), line(3), line(4, "damaged")], in_time=3)
    short = Seen("frames", 2, [line(1), line(2), line(3, "damaged")], in_time=2)
    assert agreed(long, short).f1 == agreed(short, long).f1 == 1.0
    assert shortfall(long, short) == shortfall(short, long) == ""
    ended = Seen("eos", 2, [line(1), line(2)])
    assert agreed(long, ended).missed == 1
    assert "2 frames in place of 3" in shortfall(long, ended)
    assert "3 frames in place of 2" in shortfall(ended, long)
    assert "stopped" in shortfall(long, Seen("still", 3))
    assert "'a'" in shortfall(long, Seen("failed", fault=FAULT))


def report_of(seen: Seen, expect: Expectation = ANYTHING, reference: list[str] | None = None) -> Report:
    report = Report()
    report.passes("parse", "policy")
    ran(seen, UNTIL, report)
    for judge in (lambda: produced(seen, expect, report), lambda: matched(seen, expect, reference, report)):
        if report.holds:
            judge()
    return report


@pytest.mark.parametrize(
    ("phase", "stage"), [("parse", "parse"), ("link", "link"), ("negotiate", "negotiate"), ("run", "run")]
)
def test_stages_before_the_one_that_fails_hold_and_those_behind_were_not_reached(phase: str, stage: str) -> None:
    report = report_of(Seen("failed", fault=FAULT | {"phase": phase}))
    assert report.failed == stage
    at = STAGES.index(report.failed)
    oks = [each.ok for each in report.stages()]
    assert oks[: at + 1] == [True] * at + [False]
    assert True not in oks[max(at, 1) + 1 :]


@pytest.mark.parametrize(
    ("seen", "expect", "failed"),
    [
        (Seen("time", 3, [line(1)]), Expectation(), None),
        (Seen("still", 3), Expectation(), "run"),
        (Seen("silent", 0), Expectation(), "produce"),
        (Seen("eos", 9), Expectation(frames=10), "produce"),
        (Seen("eos", 10), Expectation(frames=10), None),
        (Seen("eos", 1, ['{"objects": 1}']), Expectation(), "produce"),
        (Seen("eos", 2, [line(1), line(2)]), Expectation(labels={"person": 2}), None),
        (Seen("eos", 2, [line(1), line(2)]), Expectation(labels={"person": 3}), "match"),
        (Seen("eos", 2), Expectation(labels={"person": 1}), "match"),
    ],
)
def test_expectations(seen: Seen, expect: Expectation, failed: str | None) -> None:
    report = report_of(seen, expect)
    assert report.failed == failed
    assert report.holds == (failed is None)


def test_a_reference_is_met_as_far_as_asked() -> None:
    seen = Seen("eos", 2, [line(1), line(2, "dog")])
    strict = report_of(seen, Expectation(), [line(1), line(2)])
    assert (strict.failed, strict.agreement, strict.labels) == ("match", 0.5, {"person": 1, "dog": 1})
    assert report_of(seen, Expectation(agreement=0.5), [line(1), line(2)]).holds
