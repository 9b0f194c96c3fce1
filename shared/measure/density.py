"""The largest number of streams whose slowest one keeps a floor: a search that never measures a known number anew.

It is a function of what was measured: the same runs, told in the same order, ask for the same next one. So a
search that was interrupted goes on from its record.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from shared.measure.estimates import Estimate, Noise, estimate, pooled

PRIOR = Noise(relative=0.03, freedom=4)
"""What repeats are taken to differ by before any was seen; weighs as much as five runs of one step."""

_GROWTH = 3
"""Of the number of streams while the device isn't full."""


_NOTHING = Estimate(0.0, 0.0, 0.0, 0.0, 0)


class Judgement(StrEnum):
    """Whether a number of streams keeps the floor."""

    KEEPS = "keeps"  #: even at the low end of the interval
    MISSES = "misses"  #: even at the high end
    OPEN = "open"  #: the floor lies inside the interval


@dataclass(frozen=True, slots=True)
class Run:
    """One run: frames per second of the slowest stream, and of all (growing) streams together.

    ``failed``: they couldn't be run; then there are no rates.
    """

    streams: int
    slowest_fps: float = 0.0
    total_fps: float = 0.0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """All runs of one number of streams. ``failed``: one of them had no rates; the others' make up the figures."""

    streams: int
    slowest: Estimate
    total_fps: float
    judgement: Judgement
    failed: bool = False

    @property
    def passed(self) -> bool:
        """In the sense of the interval: what stayed open is no promise."""
        return self.judgement is Judgement.KEEPS


@dataclass(frozen=True, slots=True)
class Rules:
    """``repeats``: runs of a step that is near the floor, and of the answer; one is enough far from it."""

    floor: float
    max_streams: int
    repeats: int = 3


@dataclass(frozen=True, slots=True)
class Found:
    """``streams`` keep the floor even at the low end of the interval (0: not even one does).

    ``at_most`` may: more miss it even at the high end, or would if a full device gave no more than it did.
    ``bounded``: the answer is ``max_streams``, more were not tried.
    """

    streams: int
    at_most: int
    bounded: bool


class DensitySearch:
    """Tell it runs by ``add``; ``next`` says what to measure."""

    def __init__(self, rules: Rules, runs: Iterable[Run] = ()) -> None:
        self.rules = rules
        self._runs: dict[int, list[Run]] = {}
        self._order: list[int] = []
        for run in runs:
            self.add(run)

    def add(self, run: Run) -> None:
        """A run that was measured, whether or not it was asked for."""
        if run.streams not in self._runs:
            self._order.append(run.streams)
        self._runs.setdefault(run.streams, []).append(run)

    def next(self) -> int | None:
        """How many streams the next run shall have; None when the answer is known."""
        steps = self.steps()
        if near := next((each for each in steps if self._wants_more(each)), None):
            return near.streams
        low, high = self._bracket_of(steps)
        if high - low > 1:
            return self._probe(steps, low, high)
        if low and len(self._runs[low]) < self.rules.repeats:
            return low
        return None

    def found(self) -> Found:
        """The answer as far as it is known now."""
        steps = self.steps()
        low, high = self._bracket_of(steps)
        above = next((step for step in steps if step.streams == high and not step.failed), None)
        likely = (
            self.rules.max_streams if above is None else math.floor(high * above.slowest.high / self.rules.floor)
        )
        misses = (each.streams - 1 for each in steps if each.judgement is Judgement.MISSES and each.streams > low)
        at_most = min(likely, *misses, self.rules.max_streams)
        return Found(low, max(at_most, low), bounded=low == self.rules.max_streams)

    def bracket(self) -> tuple[int, int]:
        """The largest number known to keep the floor (0) and the least known not to (one more than the most)."""
        return self._bracket_of(self.steps())

    def steps(self) -> list[Step]:
        """Every number measured, in the order of their first runs."""
        noise = self._noise()
        return [self._step(self._runs[streams], noise) for streams in self._order]

    def _noise(self) -> Noise:
        seen = pooled([[run.slowest_fps for run in runs if not run.failed] for runs in self._runs.values()])
        if seen is None:
            return PRIOR
        freedom = PRIOR.freedom + seen.freedom
        total = PRIOR.freedom * PRIOR.relative**2 + seen.freedom * seen.relative**2
        return Noise(math.sqrt(total / freedom), freedom)

    def _step(self, runs: Sequence[Run], noise: Noise) -> Step:
        told = [run for run in runs if not run.failed]
        if not told:
            return Step(runs[0].streams, _NOTHING, 0.0, Judgement.MISSES, failed=True)
        slowest = estimate([run.slowest_fps for run in told], noise)
        floor = self.rules.floor
        judgement = Judgement.OPEN
        if len(told) < len(runs):
            judgement = Judgement.MISSES
        elif slowest.low >= floor:
            judgement = Judgement.KEEPS
        elif slowest.high < floor:
            judgement = Judgement.MISSES
        total = estimate([run.total_fps for run in told], noise).median
        return Step(runs[0].streams, slowest, total, judgement, failed=len(told) < len(runs))

    def _wants_more(self, step: Step) -> bool:
        return step.judgement is Judgement.OPEN and step.slowest.runs < self.rules.repeats

    def _bracket_of(self, steps: Sequence[Step]) -> tuple[int, int]:
        """Passed and failed next to each other; more streams are never faster, so the least failure wins."""
        high = min((step.streams for step in steps if not step.passed), default=self.rules.max_streams + 1)
        low = max((step.streams for step in steps if step.passed and step.streams < high), default=0)
        return low, high

    def _probe(self, steps: Sequence[Step], low: int, high: int) -> int:
        if not steps:
            return 1
        wanted = self._beyond(steps, low) if high > self.rules.max_streams else self._between(steps, low, high)
        return min(max(wanted, low + 1), high - 1)

    def _between(self, steps: Sequence[Step], low: int, high: int) -> int:
        """What the full device carries; the middle within the reach of noise around it, or below what can't run.

        What the device carries says nothing of that.
        """
        reach = max(round(self._noise().relative * high), 1)
        if high - low <= 2 * reach or any(each.streams == high and each.failed for each in steps):
            return (low + high) // 2
        full = [
            each.streams * each.slowest.median for each in steps if 2 * each.streams > high and not each.failed
        ]
        if not full:
            return (low + high) // 2
        carried = math.floor(median(full) / self.rules.floor)
        return min(max(carried, low + reach), high - reach)

    def _beyond(self, steps: Sequence[Step], low: int) -> int:
        """Nothing failed yet: what the throughput would carry if the device is full, else twice as many."""
        passed = sorted((step for step in steps if step.passed), key=lambda step: step.streams)
        carried = self._carried(passed[-1])
        if len(passed) == 1:
            return max(carried, _GROWTH * low) if carried <= low else carried
        before = passed[-2]
        full = passed[-1].total_fps < 0.75 * before.total_fps * low / before.streams
        return carried if full else max(carried, _GROWTH * low)

    def _carried(self, step: Step) -> int:
        """Streams at the floor that make up a step's throughput."""
        return math.floor(step.total_fps / self.rules.floor)
