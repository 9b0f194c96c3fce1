"""The search for density on real pipelines: every run is kept at once, so that a lost attempt costs one run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from shared.benchmarks import DensityStep, MeasuredRun
from shared.errors import PipelineFailed
from shared.measure.density import DensitySearch, Rules, Run, Step
from shared.measure.shares import divide
from shared.packing import DensityTask, PipelineTask
from workers.measuring.runs import told_estimate

_LONGEST_REASON = 500


class KnownRun(BaseModel):
    """A run as the checkpoint keeps it. ``counts``: it wasn't repeated because of a disturbance.

    ``run`` is null, and ``failed`` says why, where so many streams couldn't be run.
    """

    streams: int
    shares: list[int]
    run: MeasuredRun | None = None
    counts: bool
    failed: str | None = None


class Known(BaseModel):
    """A search so far. ``spent_s``: of its budget."""

    runs: list[KnownRun] = []
    spent_s: float = 0.0

    @property
    def measured(self) -> list[MeasuredRun]:
        """Those that came to figures."""
        return [each.run for each in self.runs if each.run is not None]

    def failure(self, streams: int) -> str | None:
        """Why so many streams couldn't be run; None if they could."""
        return next((each.failed for each in self.runs if each.streams == streams and each.failed), None)


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
        """Measure until the answer is known or the budget is spent.

        Streams that can't be run don't keep the floor. Raises PipelineFailed where fewer than any search could do
        with can't be run: one of each pipeline.
        """
        search = self.so_far()
        while (streams := search.next()) is not None:
            if self.known.spent_s + self._run_s() > self.task.budget_s:
                self.stopped = "budget"
                break
            self.tell(search, streams)
            began = self.clock()
            made = self._made(streams)
            self.known.runs += made
            self.known.spent_s += self.clock() - began
            self.keep(self.known)
            search.add(self._told(made[-1]))
        return search

    def _made(self, streams: int) -> list[KnownRun]:
        """Runs of so many; the last counts."""
        shares = self.shares(streams)
        try:
            runs = self.measure(shares)
        except PipelineFailed as error:
            if not self._may_fail(streams):
                raise
            reason = error.detail[:_LONGEST_REASON]
            return [KnownRun(streams=streams, shares=shares, counts=True, failed=reason)]
        return [
            KnownRun(streams=streams, shares=shares, run=run, counts=number == len(runs))
            for number, run in enumerate(runs, 1)
        ]

    def _may_fail(self, streams: int) -> bool:
        """Whether it may be the number that is too much. With one of each, or of some, it is the pipelines."""
        each_once = sum(1 for share in self.task.shares if share.stream_rate)
        return streams > each_once or any(run.streams == streams for run in self.known.runs)

    def so_far(self) -> DensitySearch:
        """The search with the runs that are known."""
        rules = Rules(self.task.fps_floor, self.task.max_streams, self.task.repeats)
        return DensitySearch(rules, [self._told(each) for each in self.known.runs if each.counts])

    def shares(self, streams: int) -> list[int]:
        """Streams of each pipeline: pinned ones have theirs, the others divide ``streams``."""
        rates = [share.stream_rate or 0 for share in self.task.shares]
        divided = divide(streams, rates)
        return [share.streams or part for share, part in zip(self.task.shares, divided, strict=True)]

    def _told(self, known: KnownRun) -> Run:
        """As the search takes it. What pinned pipelines do beside says nothing of how many more there could be."""
        if known.run is None:
            return Run(known.streams, failed=True)
        given = [share for share, count in zip(self.task.shares, known.shares, strict=True) if count]
        total = sum(sum(fps) for share, fps in zip(given, known.run.fps, strict=True) if share.streams is None)
        return Run(known.streams, min(rate for fps in known.run.fps for rate in fps), total)

    def _run_s(self) -> float:
        """What the next run will take: as long as those before did on average, at least its own length."""
        least = self.task.warmup_s + self.task.duration_s
        runs = len(self.known.runs)
        return max(least, self.known.spent_s / runs) if runs else least


def streamed(tasks: Sequence[PipelineTask], shares: Sequence[int]) -> list[PipelineTask]:
    """The pipelines with their numbers of streams; without those that have none."""
    return [task.model_copy(update={"streams": count}) for task, count in zip(tasks, shares, strict=True) if count]


def step_of(step: Step, shares: Sequence[int], failed: str | None) -> DensityStep:
    """As the result tells it."""
    return DensityStep(
        streams=step.streams,
        streams_per_pipeline=list(shares),
        slowest_fps=told_estimate(step.slowest),
        total_fps=round(step.total_fps, 3),
        judgement=step.judgement.value,
        failed=failed,
    )
