"""A device that streams share, with the noise of a real one: drift from run to run, jitter from stream to stream."""

import math
import random
from dataclasses import dataclass, field
from statistics import NormalDist

from shared.measure.density import Run


@dataclass
class SimulatedDevice:
    """``capacity``: frames a second of all streams; one stream alone gets ``1 / cores`` of it, none over ``pace``.

    ``drift`` and ``jitter`` are relative deviations, of a run as a whole and of a stream within it.
    """

    seed: int
    capacity: float
    pace: float | None = None
    cores: int = 1
    drift: float = 0.02
    jitter: float = 0.01
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fair_fps(self, streams: int) -> float:
        """Of each stream, without noise."""
        fps = min(self.capacity / streams, self.capacity / self.cores)
        return min(fps, self.pace) if self.pace else fps

    def slowest_fps(self, streams: int) -> float:
        """Expected rate of the slowest stream (Blom's approximation of a normal sample's least value)."""
        least = NormalDist().inv_cdf(0.625 / (streams + 0.25)) if streams > 1 else 0.0
        return self.fair_fps(streams) * math.exp(self.jitter * least)

    def truth(self, floor: float, most: int) -> int:
        """The largest number of streams whose slowest one is expected to keep the floor."""
        return max((n for n in range(1, most + 1) if self.slowest_fps(n) >= floor), default=0)

    def measure(self, streams: int) -> Run:
        """One run."""
        self.asked.append(streams)
        run = self.fair_fps(streams) * math.exp(self._random.gauss(0, self.drift))
        rates = [run * math.exp(self._random.gauss(0, self.jitter)) for _ in range(streams)]
        rates = [min(rate, self.pace) if self.pace else rate for rate in rates]
        return Run(streams, min(rates), sum(rates))


def devices(count: int, most: int) -> list[tuple[SimulatedDevice, float]]:
    """``count`` seeded devices of all sorts, each with a floor."""
    made: list[tuple[SimulatedDevice, float]] = []
    for seed in range(count):
        chance = random.Random(seed * 7 + 1)
        floor = chance.choice([10.0, 15.0, 30.0])
        capacity = floor * chance.uniform(0.5, most - 4)
        pace = chance.choice([None, floor * 1.4])
        made.append((SimulatedDevice(seed, capacity, pace, chance.choice([1, 2, 4, 8])), floor))
    return made
