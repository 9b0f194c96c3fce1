"""Letters and words of many jobs: one pass through the network for the rows of all."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from shared.errors import FramelaneError
from shared.packing import InferenceTask, PackedKind
from shared.quick import assembled
from shared.results import InferenceResult, InferenceTimings, Prediction
from workers import meters
from workers.handlers.inference_gestures import SEQUENCES_AT_ONCE, wanted
from workers.handlers.inference_inputs import Inputs
from workers.runtimes.contract import GestureModel
from workers.runtimes.loaded import Loaded
from workers.vision import answers
from workers.vision.answers import Best
from workers.vision.features import Floats, hand_features, word_features

TOGETHER = frozenset({"alphabet_mlp", "word_lstm"})
"""Architectures whose jobs are answered together, where they bring numbers."""


class _Part(NamedTuple):
    """Rows of the answer to all that belong to an input; ``number``: of the input's first prediction."""

    kind: PackedKind
    number: int
    at: int
    rows: int


@dataclass(slots=True)
class _Job:
    inputs: Inputs
    parts: list[_Part] = field(default_factory=list[_Part])
    answer: InferenceResult | Exception | None = None


def brings_numbers(task: InferenceTask) -> bool:
    """Whether none of its inputs is a picture."""
    return all(item.kind != "image" for item in task.inputs)


def answer_together(
    jobs: Sequence[Inputs], loaded: Loaded[GestureModel], device: str
) -> list[InferenceResult | Exception]:
    """Of each job its result, or what is wrong with it. All are of one model, of an architecture of TOGETHER."""
    movements = jobs[0].entry.architecture == "word_lstm"
    asked = [_Job(inputs) for inputs in jobs]
    arrays = _read(asked, movements=movements)
    if arrays:
        started = time.perf_counter()
        probabilities = _movements(loaded.model, arrays) if movements else _hands(loaded.model, arrays)
        took_s = time.perf_counter() - started
        timings = InferenceTimings(model_ms=round(took_s * 1000, 3))
        meters.inferred(jobs[0].entry.name, loaded.runtime, device, took_s, len(probabilities))
        _refuse_infinite(asked, probabilities)
        for job, predictions in _told(asked, probabilities):
            job.answer = assembled(
                InferenceResult,
                {
                    "kind": "inference",
                    "model": job.inputs.entry.name,
                    "version": loaded.version,
                    "runtime": loaded.runtime,
                    "device": device,
                    "predictions": predictions,
                    "timings": timings,
                },
            )
    answers_given = [job.answer for job in asked if job.answer is not None]
    for answer in answers_given:
        if isinstance(answer, InferenceResult):
            meters.answered(answer)
    return answers_given


def _read(jobs: Sequence[_Job], *, movements: bool) -> list[Floats]:
    """The arrays of all inputs; a job that can't be read has none."""
    arrays: list[Floats] = []
    at = 0
    for job in jobs:
        own: list[Floats] = []
        try:
            for item in job.inputs:
                own.append(job.inputs.frames(item) if movements else job.inputs.rows(item))
                rows = 1 if movements else len(own[-1])
                job.parts.append(_Part(item.packed.kind, item.number, at, rows))
                at += rows
        except FramelaneError as error:
            at = job.parts[0].at if job.parts else at
            job.parts, job.answer = [], error
        else:
            arrays += own
    return arrays


def _hands(model: GestureModel, arrays: Sequence[Floats]) -> Floats:
    return model.predict(hand_features(np.concatenate(arrays)))


def _movements(model: GestureModel, arrays: Sequence[Floats]) -> Floats:
    some = range(0, len(arrays), SEQUENCES_AT_ONCE)
    return np.concatenate([model.predict(*word_features(arrays[at : at + SEQUENCES_AT_ONCE])) for at in some])


def _refuse_infinite(jobs: Sequence[_Job], probabilities: Floats) -> None:
    if np.isfinite(probabilities).all():
        return
    for job in jobs:
        for part in job.parts:
            try:
                job.inputs.require_finite(
                    probabilities[part.at : part.at + part.rows],
                    lambda row, part=part: _name(part, row),
                )
            except FramelaneError as error:
                job.answer = error


def _name(part: _Part, row: int) -> str:
    """What a row is to the client."""
    if part.kind == "tensor":
        return f"input {part.number}, row {row}"
    return f"input {part.number + row}"


def _told(jobs: Sequence[_Job], probabilities: Floats) -> list[tuple[_Job, list[Prediction]]]:
    """What each job that has no answer yet is told. Those that want the same are answered at once."""
    alike: dict[tuple[int | None, float | None], list[_Job]] = defaultdict(list)
    for job in jobs:
        if job.answer is None:
            options = job.inputs.options
            alike[options.top_k, options.min_confidence].append(job)
    told: list[tuple[_Job, list[Prediction]]] = []
    for some in alike.values():
        asked = wanted(some[0].inputs)
        single = [part for job in some for part in job.parts if part.kind != "tensor"]
        rows = [row for part in single for row in range(part.at, part.at + part.rows)]
        gestures = iter(answers.gestures(probabilities[rows], asked))
        for job in some:
            predictions: list[Prediction] = []
            for part in job.parts:
                if part.kind == "tensor":
                    predictions.append(
                        answers.batch([Best.of(probabilities[part.at : part.at + part.rows])], asked)
                    )
                else:
                    predictions += [next(gestures) for _ in range(part.rows)]
            told.append((job, predictions))
    return told
