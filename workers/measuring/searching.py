"""The search for density on real pipelines: every run is kept at once, so that a lost attempt costs one run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from shared.benchmarks import DensityStep, MeasuredRun
from shared.measure.density import DensitySearch, Rules, Run, Step
from shared.measure.shares import divide
from shared.packing import DensityTask, PipelineTask
from workers.measuring.runs import told_estimate


class KnownRun(BaseModel):
    """A run as the checkpoint keeps it. ``counts``: it wasn't repeated because of a disturbance."""

    streams: int
    shares: list[int]
    run: MeasuredRun
    counts: bool


class Known(BaseModel):
    """A search so far. ``spent_s``: of its budget."""

    runs: list[KnownRun] = []
    spent_s: float = 0.0


@dataclass
class Searching:
    """One search.

    ``measure`` makes a run of so many streams by pipeline, and repeats it if others disturbed it; the last counts.
    """

    task: DensityTask
    measure: Callable[[Sequence[int]], list[MeasuredRun]]
    keep: Callable[[Known], object]
    tell: Callable[[DensitySearch, int], None]
    known: Known = field(default_factory=Known)
    clock: Callable[[], float] = time.monotonic
    stopped: Literal["budget", "cancelled"] | None = None

    def run(self) -> DensitySearch:
        """Measure until the answer is known or the budget is spent."""
        search = self.so_far()
        while (streams := search.next()) is not None:
            if self.known.spent_s + self._run_s() > self.task.budget_s:
                self.stopped = "budget"
                break
            self.tell(search, streams)
            began = self.clock()
            shares = self.shares(streams)
            *repeated, run = self.measure(shares)
            made = KnownRun(streams=streams, shares=shares, run=run, counts=True)
            self.known.runs += [made.model_copy(update={"run": each, "counts": False}) for each in repeated]
            self.known.runs.append(made)
            self.known.spent_s += self.clock() - began
            self.keep(self.known)
            search.add(_told(made))
        return search

    def so_far(self) -> DensitySearch:
        """The search with the runs that are known."""
        rules = Rules(self.task.fps_floor, self.task.max_streams, self.task.repeats)
        return DensitySearch(rules, [_told(each) for each in self.known.runs if each.counts])

    def shares(self, streams: int) -> list[int]:
        """Streams of each pipeline: pinned ones have theirs, the others divide ``streams``."""
        rates = [share.stream_rate or 0 for share in self.task.shares]
        divided = divide(streams, rates)
        return [share.streams or part for share, part in zip(self.task.shares, divided, strict=True)]

    def _run_s(self) -> float:
        """What the next run will take: as long as those before did on average, at least its own length."""
        least = self.task.warmup_s + self.task.duration_s
        runs = len(self.known.runs)
        return max(least, self.known.spent_s / runs) if runs else least


def streamed(tasks: Sequence[PipelineTask], shares: Sequence[int]) -> list[PipelineTask]:
    """The pipelines with their numbers of streams; without those that have none."""
    return [task.model_copy(update={"streams": count}) for task, count in zip(tasks, shares, strict=True) if count]


def step_of(step: Step, shares: Sequence[int]) -> DensityStep:
    """As the result tells it."""
    return DensityStep(
        streams=step.streams,
        streams_per_pipeline=list(shares),
        slowest_fps=told_estimate(step.slowest),
        total_fps=round(step.total_fps, 3),
        judgement=step.judgement.value,
    )


def _told(known: KnownRun) -> Run:
    rates = [rate for pipeline in known.run.fps for rate in pipeline]
    return Run(known.streams, min(rates), sum(rates))
