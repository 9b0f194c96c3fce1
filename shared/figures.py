"""Figures of what was measured."""

from shared.predictions import Answer


class Latency(Answer):
    """Source to sink, in milliseconds, over the frames of an interval or of the whole run."""

    avg_ms: float
    min_ms: float
    max_ms: float


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
