"""The stages of a validation and what each came to. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.benchmarks import Stage, StageOutcome
from shared.figures import Drift
from shared.measure.records import agreement, frames_of, labels_of, record_of
from shared.measurements import Expectation, Tolerance
from workers.measuring.looking import Seen, Until

STAGES: tuple[Stage, ...] = ("parse", "policy", "link", "negotiate", "run", "produce", "match")
MODEL_STAGES: tuple[Stage, ...] = ("load", "run", "match")

_STAGE_OF: Mapping[str, Stage] = {"parse": "parse", "link": "link", "negotiate": "negotiate"}
"""By the phase that a pipeline's process tells; all others are of the run."""


@dataclass
class Report:
    """What is known so far. ``holds``: no stage failed yet. ``order``: the stages there are."""

    order: tuple[Stage, ...] = STAGES
    known: dict[Stage, StageOutcome] = field(default_factory=dict[Stage, StageOutcome])
    labels: dict[str, int] = field(default_factory=dict[str, int])
    agreement: float | None = None

    @property
    def failed(self) -> Stage | None:
        """The first that failed."""
        return next((stage for stage in self.order if stage in self.known and not self.known[stage].ok), None)

    @property
    def holds(self) -> bool:
        """Whether none has."""
        return self.failed is None

    def passes(self, *stages: Stage, detail: str = "") -> None:
        """These hold."""
        self.known |= {stage: StageOutcome(stage=stage, ok=True, detail=detail) for stage in stages}

    def fails(self, stage: Stage, detail: str) -> None:
        """This one doesn't; those before it that could only be seen by running it do."""
        for before in self.order[: self.order.index(stage)]:
            self.known.setdefault(before, StageOutcome(stage=before, ok=True))
        self.known[stage] = StageOutcome(stage=stage, ok=False, detail=detail)

    def stages(self) -> list[StageOutcome]:
        """All, in order."""
        return [self.known.get(stage, StageOutcome(stage=stage, ok=None)) for stage in self.order]


def ran(seen: Seen, until: Until, report: Report) -> None:
    """Whether it linked, negotiated and ran to an end or as long as it should."""
    if seen.fault is not None:
        report.fails(_STAGE_OF.get(seen.fault["phase"], "run"), seen.words)
    elif seen.why == "still":
        report.fails("run", f"no frame moved for {until.patience_s:g} s")
    else:
        report.passes("link", "negotiate", "run")


def produced(seen: Seen, expect: Expectation, report: Report) -> None:
    """Whether frames came, enough of them, and records of the right shape."""
    least = expect.frames or 1
    if seen.frames < least:
        asked = f", not {least}" if expect.frames else ""
        report.fails("produce", f"{seen.frames or 'no'} frame{'s'[: seen.frames != 1]} reached the end{asked}")
        return
    try:
        for line in seen.records:
            record_of(line)
    except ValueError as error:
        report.fails("produce", str(error))
        return
    report.passes("produce", detail=f"{seen.frames} frames, {len(seen.records)} records")


def matched(seen: Seen, expect: Expectation, reference: Sequence[str] | None, report: Report) -> None:
    """Whether what was found is what was expected; nothing to say where nothing was."""
    counts: Counter[str] = Counter()
    for line in seen.records:
        counts += labels_of(record_of(line))
    report.labels = dict(counts)
    missing = [
        f"{name}: {counts[name]}, not {least}" for name, least in expect.labels.items() if counts[name] < least
    ]
    if reference is not None:
        report.agreement = round(agreement(frames_of(reference), frames_of(seen.records), seen.last_at()).f1, 4)
        if report.agreement < expect.agreement:
            missing.append(f"agreement with the reference {report.agreement:g}, not {expect.agreement:g}")
    if missing:
        report.fails("match", "; ".join(missing))
    elif expect.labels or reference is not None:
        report.passes("match")


def alike(drift: Drift, tolerance: Tolerance, report: Report) -> None:
    """Whether a model's variant answers as the original does, as far as its answers can be judged."""
    judged = [
        ("equal classes", drift.top1_agreement, tolerance.top1),
        ("boxes both find", drift.boxes_agreement, tolerance.boxes),
    ]
    if drift.top1_agreement is None and drift.boxes_agreement is None:
        judged = [("similarity", drift.similarity, tolerance.similarity)]
    told = [(name, value, least) for name, value, least in judged if value is not None]
    wrong = [f"{name} {value:.4g}, not {least:g}" for name, value, least in told if value < least]
    if tolerance.max_abs is not None and drift.max_abs > tolerance.max_abs:
        wrong.append(f"a number differs by {drift.max_abs:.3g}, more than {tolerance.max_abs:g}")
    if wrong:
        report.fails("match", "; ".join(wrong))
    elif told:
        report.passes("match", detail=", ".join(f"{name} {value:.4g}" for name, value, _ in told))
    else:
        report.fails("match", "its answers are all nothing: there is nothing to judge it by")
