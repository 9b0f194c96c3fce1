"""Figures of what was measured."""

from shared.predictions import Answer


class Latency(Answer):
    """Source to sink, in milliseconds, over the frames of an interval or of the whole run.

    Percentiles are 1 % off at most; null where an older worker measured.
    """

    avg_ms: float
    min_ms: float
    max_ms: float
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None


class Figure(Answer):
    """A figure of repeated runs: the median, and the 95 % interval of the mean widened to hold the median.

    The interval's ends are null where one run alone was made. ``spread``: standard deviation over mean.
    """

    median: float
    low: float | None
    high: float | None
    spread: float
    runs: int


class MachineFigure(Answer):
    """A figure of the machine over the measured part of a run."""

    mean: float
    most: float


class Drift(Answer):
    """How far a variant's numbers are from the original's, over all outputs of the same sample inputs.

    ``top1_agreement``: share of rows whose largest value is at the same place; null where outputs aren't rows of
    classes. ``boxes_agreement``: share of both models' boxes that the other has too, with the same label and half
    of the area in common; null where there are none. ``similarity``: cosine of all numbers of the one and of the
    other, 1 where they point the same way. ``inputs`` says what the samples were.
    """

    samples: int
    inputs: str
    max_abs: float
    mean_abs: float
    top1_agreement: float | None = None
    boxes_agreement: float | None = None
    similarity: float | None = None
