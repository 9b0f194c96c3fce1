"""What a search for the fastest form does with a real pipeline: measure it, look at what it finds, compare."""

import time
from collections.abc import Sequence
from statistics import fmean

from shared.benchmarks import MeasuredRun
from shared.errors import FramelaneError, InvalidSpec, ModelError, PipelineError
from shared.figures import Latency
from shared.packing import OptimizeTask, PipelineTask
from shared.settings import MeasuringSettings
from workers.handlers.bench import Bench, Length
from workers.measuring.forms import ORIGINAL, Form, applied, looks, recorded
from workers.measuring.looking import Seen, Until, agreed, shortfall
from workers.measuring.optimising import Check, Sample, Turn

_LONGEST_LOOK_S = 30.0
_REFUSING = (PipelineError, ModelError, InvalidSpec)
"""What says that a form can't be had here; anything else ends the attempt."""


class FormRuns:
    """Of one job."""

    def __init__(self, bench: Bench, task: OptimizeTask, settings: MeasuringSettings) -> None:
        self._bench, self._task = bench, task
        self._until = Until(_LONGEST_LOOK_S, settings.patience_s, settings.sample_frames)
        self._original: Seen | None = None

    def sample(self, form: Form, stage: str, seconds: float) -> Sample:
        """A run with its latency. Raises what measuring the original does, and what ends an attempt."""
        began = time.monotonic()
        task = applied(self._task.pipeline, form).model_copy(update={"latency_metrics": True})
        figures: dict[str, object] = {}
        try:
            runs, trial = self._bench.undisturbed([task], self._length(seconds))
        except _REFUSING as error:
            if form == ORIGINAL:
                raise
            figures["failed"] = _first_line(error)
        else:
            load = runs[-1].machine.get("cpu_own_percent")
            figures |= {
                "fps": trial.total_fps,
                "latency_ms": _mean(list(trial.latency.values())),
                "cpu_percent": load.mean if load else None,
            }
        took_s = time.monotonic() - began
        return Sample.model_validate(
            {"changes": dict(form.changes), "stage": stage, "measured_s": seconds, "took_s": took_s, **figures}
        )

    def check(self, form: Form) -> Check:
        """Whether it finds what the original does; the original itself does. Raises as ``sample`` does."""
        began = time.monotonic()
        agreement, refused = (1.0, None) if form == ORIGINAL and self.original else self._compared(form)
        took_s = time.monotonic() - began
        return Check(changes=dict(form.changes), took_s=took_s, agreement=agreement, refused=refused)

    @property
    def original(self) -> Seen:
        """What the original gives and finds; looked at once."""
        if self._original is None:
            self._original = self._look(self._task.pipeline)
            if says := shortfall(self._original, self._original):
                raise InvalidSpec(("/pipeline", says))
        return self._original

    def turn(self, best: Form, seconds: float, number: int) -> Turn:
        """Both once; who begins changes, so that neither gains by it."""
        began = time.monotonic()
        runs: dict[Form, MeasuredRun] = {}
        for form in (ORIGINAL, best) if number % 2 == 0 else (best, ORIGINAL):
            if form not in runs:
                made, _ = self._bench.undisturbed([applied(self._task.pipeline, form)], self._length(seconds))
                runs[form] = made[-1]
        faster = None if best == ORIGINAL else runs[best]
        return Turn(best=faster, original=runs[ORIGINAL], took_s=time.monotonic() - began)

    def _compared(self, form: Form) -> tuple[float | None, str | None]:
        original = self.original
        try:
            seen = self._look(applied(self._task.pipeline, form))
        except _REFUSING as error:
            return None, _first_line(error)
        if says := shortfall(original, seen):
            return None, says
        if not looks(self._task.pipeline.graph):
            return None, None
        agreement = agreed(original, seen).f1
        if agreement < self._task.tolerance:
            return round(agreement, 4), f"finds other objects: agreement {agreement:.3f}"
        return round(agreement, 4), None

    def _look(self, task: PipelineTask) -> Seen:
        graph = recorded(task.graph)
        told = {"graph": graph, "metadata_mode": "file" if looks(graph) else "disabled"}
        return self._bench.look(task.model_copy(update=told), self._until)

    def _length(self, seconds: float) -> Length:
        return Length(self._task.warmup_s, seconds)


def _mean(told: Sequence[Latency]) -> float | None:
    return round(fmean(each.avg_ms for each in told), 2) if told else None


def _first_line(error: FramelaneError) -> str:
    return error.detail.splitlines()[0][:300]
