"""What a worker counts of itself, for Prometheus. One process does all its work: one registry has all counts."""

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.jobs import JobRecord
from shared.predictions import (
    BatchPrediction,
    ClassificationPrediction,
    DetectionPrediction,
    GesturePrediction,
    PosePrediction,
    Prediction,
    TextPrediction,
)
from shared.results import InferenceResult
from workers.rates import RATES, STREAMS

disable_created_metrics()  # a third of all lines, which nothing of ours asks for

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

OTHER = "other"
_MOST_MODELS = 200
_LOOKED_AT = 64
"""Confidences of an answer that are looked at: a job can have a million rows."""

_LONG_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200)
_SHORT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_JOB = ("kind", "lane")

_ended = Counter("framelane_jobs_ended", "Attempts that ended, by how.", [*_JOB, "outcome"], registry=REGISTRY)
_repeated = Counter("framelane_job_retries", "Attempts that are tried again.", [*_JOB, "code"], registry=REGISTRY)
_waited = Histogram(
    "framelane_job_wait_seconds",
    "From a job's acceptance to the start of an attempt.",
    _JOB,
    registry=REGISTRY,
    buckets=_LONG_S,
)
_ran = Histogram("framelane_job_run_seconds", "How long attempts ran.", _JOB, registry=REGISTRY, buckets=_LONG_S)
_model = Histogram(
    "framelane_inference_seconds",
    "Passes of a job or a batch through its model.",
    ["model", "runtime", "device"],
    registry=REGISTRY,
    buckets=_SHORT_S,
)
_rows = Histogram(
    "framelane_inference_batch_rows",
    "Rows or pictures that went through a model together.",
    ["model"],
    registry=REGISTRY,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1_024, 4_096),
)
_confidence = Histogram(
    "framelane_inference_confidence",
    "How sure models were of what they answered.",
    ["model"],
    registry=REGISTRY,
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
_frames = Counter("framelane_session_frames", "Frames of live sessions, by their end.", ["end"], registry=REGISTRY)
_frame_wait = Histogram(
    "framelane_session_frame_wait_seconds",
    "From a frame's receipt to its work.",
    registry=REGISTRY,
    buckets=_SHORT_S,
)
_frame_run = Histogram(
    "framelane_session_frame_run_seconds", "Work on a frame.", registry=REGISTRY, buckets=_SHORT_S
)
_webhooks = Counter("framelane_webhook_tries", "Tries to deliver a callback.", ["end"], registry=REGISTRY)
_deaths = Counter(
    "framelane_worker_deaths", "Processes of this worker that died before this one.", registry=REGISTRY
)
_lost = Counter(
    "framelane_attempts_lost", "Attempts that this worker found without a live worker.", registry=REGISTRY
)


def attempt_begins(job: JobRecord) -> None:
    """It was claimed."""
    if job.queue_wait_ms is not None:
        _of_job(_waited, job.kind, job.lane).observe(job.queue_wait_ms / 1_000)


def attempt_ended(job: JobRecord, outcome: str, ran_s: float) -> None:
    """``outcome``: the job's state, or why the end couldn't be told."""
    _end_of(job.kind, job.lane, outcome.lower()).inc()
    _of_job(_ran, job.kind, job.lane).observe(ran_s)


def attempt_repeated(job: JobRecord, code: str) -> None:
    """It will be tried again because of that error."""
    _repeated.labels(job.kind, job.lane, code).inc()


def attempt_lost() -> None:
    """A lease lapsed."""
    _lost.inc()


def inferred(model: str, runtime: str, device: str, took_s: float, rows: int) -> None:
    """So many rows went through a model together."""
    _model.labels(bounded(model), runtime, device).observe(took_s)
    _rows.labels(bounded(model)).observe(rows)


def answered(result: InferenceResult) -> None:
    """How sure the model is of the first of what it answers."""
    sure = _confidence.labels(bounded(result.model))
    left = _LOOKED_AT
    for prediction in result.predictions[:_LOOKED_AT]:
        for value in confidences(prediction)[:left]:
            sure.observe(value)
            left -= 1
        if left <= 0:
            return


def confidences(prediction: Prediction) -> list[float]:
    """Of a prediction, in its order."""
    match prediction:
        case GesturePrediction(confidence=value) | ClassificationPrediction(confidence=value):
            return [] if value is None else [value]
        case BatchPrediction(confidences=values):
            return values
        case DetectionPrediction(objects=found):
            return [one.confidence for one in found]
        case PosePrediction(poses=found):
            return [one.confidence for one in found if one.confidence is not None]
        case TextPrediction(lines=found):
            return [one.confidence for one in found]
        case _:
            return []


def frame_ended(end: str, waited_s: float, ran_s: float) -> None:
    """A frame of a session: ``result``, ``failed`` or ``superseded``."""
    _frames.labels(end).inc()
    _frame_wait.observe(max(waited_s, 0.0))
    _frame_run.observe(ran_s)


def webhook_tried(end: str) -> None:
    """``delivered``, ``again`` if it will be tried again, ``given_up``."""
    _webhooks.labels(end).inc()


def died_before(times: int) -> None:
    """So many processes of this worker died before this one."""
    _deaths.inc(times)


def bounded(model: str) -> str:
    """The model's name; of more than some hundred, which uploads can make, the later ones are called ``other``."""
    if model not in _names:
        if len(_names) >= _MOST_MODELS:
            return OTHER
        _names.add(model)
    return model


_names: set[str] = set()


@lru_cache(maxsize=1_000)
def _of_job(histogram: Histogram, kind: str, lane: str) -> Histogram:
    return histogram.labels(kind, lane)


@lru_cache(maxsize=1_000)
def _end_of(kind: str, lane: str, outcome: str) -> Counter:
    return _ended.labels(kind, lane, outcome)


class _Pipelines(Collector):
    """Frame rates as they are. A pipeline that has ended has none."""

    @override
    def collect(self) -> Iterable[Metric]:
        streams = GaugeMetricFamily(
            "framelane_pipeline_stream_fps",
            f"Frames a second of the first {STREAMS} streams of the pipelines that run here, each in a slot.",
            labels=["slot", "stream"],
        )
        total = GaugeMetricFamily("framelane_pipeline_fps", "Of all its streams.", labels=["slot"])
        for slot, rates in RATES.now():
            total.add_metric([str(slot)], sum(rates.values()))
            for stream, fps in sorted(rates.items())[:STREAMS]:
                streams.add_metric([str(slot), str(stream)], fps)
        return [streams, total]


REGISTRY.register(_Pipelines())
