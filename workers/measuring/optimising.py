"""The search for the fastest form that finds the same objects.

Each change alone is measured first. Those that helped are combined, and the promising forms measured again, longer
each time, the better half of them. Whoever is about to stay has to find the same objects. In the end the best and
the original take turns, so that the gain comes from runs that chose nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from shared.benchmarks import MeasuredRun, OptimizeCandidate
from shared.measure.halving import pareto, rounds
from shared.packing import OptimizeTask
from workers.measuring.forms import ORIGINAL, Form, combined, expected, singles

_SINGLES, _COMBINED = 0.4, 0.75
"""Shares of the time by which each part of the search ends; the rest is for the best and the original."""


class Sample(BaseModel):
    """A form's run. ``stage``: what it was made for. ``failed``: why there are no figures."""

    changes: dict[str, str]
    stage: str
    measured_s: float
    took_s: float
    fps: float = 0.0
    latency_ms: float | None = None
    cpu_percent: float | None = None
    failed: str | None = None


class Check(BaseModel):
    """Whether a form finds the same objects. ``refused``: why it doesn't; null if it does."""

    changes: dict[str, str]
    took_s: float
    agreement: float | None = None
    refused: str | None = None


class Turn(BaseModel):
    """A run of the best and one of the original, one after the other."""

    best: MeasuredRun | None
    original: MeasuredRun
    took_s: float


class Known(BaseModel):
    """A search so far."""

    samples: list[Sample] = []
    checks: list[Check] = []
    turns: list[Turn] = []

    @property
    def spent_s(self) -> float:
        """Of its time, which begins when the original was looked at."""
        checks = [each for each in self.checks if each.changes]
        return sum(each.took_s for each in (*self.samples, *checks, *self.turns))

    @property
    def runs(self) -> int:
        """How much there is."""
        return len(self.samples) + len(self.checks) + len(self.turns)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the search is done with. ``sample``: measures a form for so many seconds; ``turn``: both of them."""

    sample: Callable[[Form, str, float], Sample]
    check: Callable[[Form], Check]
    turn: Callable[[Form, float, int], Turn]
    keep: Callable[[Known], object]
    tell: Callable[[float, str], None]


@dataclass
class Optimising:
    """One search. ``options``: values by what is searched.

    What comes next depends on what was measured alone, so a search that was interrupted is gone through again:
    with what is in ``past`` instead of runs, as far as that goes.
    """

    task: OptimizeTask
    options: Mapping[str, Sequence[str]]
    tools: Tools
    past: Known = field(default_factory=Known)
    known: Known = field(default_factory=Known)
    _beside_s: float = 0.0

    def run(self) -> Form:
        """Search, let the best and the original take turns; the best. Raises what measuring the original does."""
        self._checked(ORIGINAL)  # first: it also warms what later runs find compiled
        original = self._sampled(ORIGINAL, "alone", self.task.search.sample_s)
        self._beside_s = max(original.took_s - original.measured_s, self.task.warmup_s)
        ratios = self._alone()
        self._together(ratios)
        best = self._best()
        self._check_pareto()
        self._take_turns(best)
        return best

    def candidates(self) -> list[OptimizeCandidate]:
        """Every form that was measured, in the order of its first run."""
        forms = list(dict.fromkeys(Form.of(each.changes) for each in self.known.samples))
        best = set(self._pareto(forms, needs_check=True))
        return [self._candidate(form, is_best=form in best) for form in forms]

    def _alone(self) -> dict[Form, float]:
        """Scores of single changes; those that helped find the same objects."""
        for number, form in enumerate(singles(self.options)):
            if number and not self._has_time(_SINGLES):
                break
            self._sampled(form, "alone", self.task.search.sample_s)
        ratios = {form: score for form in singles(self.options) if (score := self._score(form)) > 0}
        for form in sorted(ratios, key=lambda each: -ratios[each]):
            if ratios[form] > 1 and not self._checked(form):
                del ratios[form]
        return ratios

    def _together(self, ratios: Mapping[Form, float]) -> None:
        """Halve the field of promising forms until one and the original are left."""
        forms = sorted([*ratios, *combined(ratios)], key=lambda form: -expected(form, ratios))
        if not forms or not self._has_time(_COMBINED):
            return
        search = self.task.search
        budget_s = max(_COMBINED * search.duration_s - self.known.spent_s, 0.0)
        least_s = search.sample_s + self._beside_s
        for each in rounds([ORIGINAL, *forms], budget_s, least_s, self._score):
            length_s = max(each.sample_s - self._beside_s, search.sample_s)
            for form in each.candidates:
                if form == ORIGINAL or (self._has_time(_COMBINED) and not self._refused(form)):
                    self._sampled(form, f"round {each.number}", length_s)
            self._check_best(each.candidates, math.ceil(len(each.candidates) / 2))

    def _check_best(self, forms: Iterable[Form], wanted: int) -> None:
        """Until so many of them are known to find the same objects."""
        for form in sorted(forms, key=lambda each: -self._score(each)):
            if wanted <= 0:
                return
            wanted -= self._score(form) > 0 and self._checked(form)

    def _check_pareto(self) -> None:
        forms = list(dict.fromkeys(Form.of(each.changes) for each in self.known.samples))
        while unknown := [form for form in self._pareto(forms) if self._check_of(form) is None]:
            if not self._has_time(_COMBINED):
                return
            self._checked(unknown[0])

    def _take_turns(self, best: Form) -> None:
        search = self.task.search
        each_s = (search.duration_s - self.known.spent_s) / (2 * self.task.repeats) - self._beside_s
        length_s = search.sample_s if best == ORIGINAL else max(each_s, search.sample_s)
        for number in range(self.task.repeats):
            if number < len(self.past.turns):
                self.known.turns.append(self.past.turns[number])
                continue
            self._tell(f"turn {number + 1} of {self.task.repeats}: {best}")
            self.known.turns.append(self.tools.turn(best, round(length_s, 3), number))
            self._keep()

    def _best(self) -> Form:
        """The fastest of those that came furthest, and find the same."""
        furthest = [each.stage for each in self.known.samples if each.changes and not each.failed][-1:]
        forms = [Form.of(each.changes) for each in self.known.samples if [each.stage] == furthest]
        same = [form for form in forms if (check := self._check_of(form)) is not None and check.refused is None]
        return max([ORIGINAL, *same], key=lambda form: (self._score(form), form.changes))

    def _sampled(self, form: Form, stage: str, seconds: float) -> Sample:
        made = self._past_sample(form, stage)
        if made is None:
            self._tell(f"{stage}: {form}")
            made = self.tools.sample(form, stage, round(seconds, 3))
        self.known.samples.append(made)
        self._keep()
        return made

    def _past_sample(self, form: Form, stage: str) -> Sample | None:
        wanted = (dict(form.changes), stage)
        return next((each for each in self.past.samples if (each.changes, each.stage) == wanted), None)

    def _keep(self) -> None:
        """Once there is more than an attempt before this one had kept."""
        if self.known.runs > self.past.runs:
            self.tools.keep(self.known)

    def _checked(self, form: Form) -> bool:
        """Whether it finds the same objects."""
        check = _of(form, self.known.checks)
        if check is None:
            check = _of(form, self.past.checks)
            if check is None:
                self._tell(f"check: {form}")
                check = self.tools.check(form)
            self.known.checks.append(check)
            self._keep()
        return check.refused is None

    def _check_of(self, form: Form) -> Check | None:
        return _of(form, self.known.checks)

    def _refused(self, form: Form) -> bool:
        sample, check = self._longest(form), self._check_of(form)
        return (sample is not None and sample.fps <= 0) or (check is not None and check.refused is not None)

    def _score(self, form: Form) -> float:
        """Rate over that of the original in the same part of the search; below 0 for what is out of it."""
        found = self._longest(form)
        if found is None or self._refused(form):
            return -1.0
        original = next(each for each in self.known.samples if not each.changes and each.stage == found.stage)
        return found.fps / original.fps

    def _longest(self, form: Form) -> Sample | None:
        """Its latest run: each is as long as those before or longer."""
        return _of(form, reversed(self.known.samples))

    def _has_time(self, share: float) -> bool:
        """Whether another run ends before this part of the search shall."""
        run_s = self.task.search.sample_s + self._beside_s
        return self.known.spent_s + run_s <= share * self.task.search.duration_s

    def _tell(self, what: str) -> None:
        best = max((each.fps for each in self.known.samples), default=0.0)
        so_far = f"; fastest so far {best:.1f} fps" if best else ""
        self.tools.tell(min(self.known.spent_s / self.task.search.duration_s, 0.95), f"{what}{so_far}")

    def _pareto(self, forms: Sequence[Form], *, needs_check: bool = False) -> list[Form]:
        """Forms that no other is better than in rate, latency and load of the processor at once."""
        good = [
            form
            for form in forms
            if self._score(form) > 0 and (not needs_check or self._check_of(form) is not None)
        ]
        return [good[place] for place in pareto([self._point(form) for form in good])]

    def _point(self, form: Form) -> tuple[float, float, float]:
        found = self._longest(form)
        assert found is not None  # noqa: S101 - forms with a score have a run
        worst = math.inf
        latency = worst if found.latency_ms is None else found.latency_ms
        cpu = worst if found.cpu_percent is None else found.cpu_percent
        return found.fps, -latency, -cpu

    def _candidate(self, form: Form, *, is_best: bool) -> OptimizeCandidate:
        found, check = self._longest(form), self._check_of(form)
        assert found is not None  # noqa: S101 - it is listed because it has one
        return OptimizeCandidate(
            changes=dict(form.changes),
            fps=round(found.fps, 3),
            latency_ms=found.latency_ms,
            cpu_percent=found.cpu_percent,
            rounds=sum(each.changes == found.changes for each in self.known.samples),
            agreement=None if check is None else check.agreement,
            refused=found.failed or (check.refused if check else None),
            pareto=is_best,
        )


_Kept = TypeVar("_Kept", Sample, Check)


def _of(form: Form, kept: Iterable[_Kept]) -> _Kept | None:
    """The first of a form."""
    changes = dict(form.changes)
    return next((each for each in kept if each.changes == changes), None)
