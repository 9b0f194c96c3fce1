"""How many requests a second a layout can answer, from what one costs each part.

The model of docs/reference/scaling.md.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """Processes of the gateway, and workers of the lane."""

    gateways: int
    workers: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of processor time that a request takes of each part. ``others``: who shares its processors."""

    gateway: float
    worker: float
    valkey: float
    others: float = 0.0

    @property
    def total(self) -> float:
        """Of all."""
        return self.gateway + self.worker + self.valkey + self.others


def bounds(layout: Layout, costs: Costs, cores: float) -> dict[str, float]:
    """Requests a second at which each part has nothing left to give.

    A gateway process and a worker have one core each at most, for their Python; Valkey runs its commands on one.
    """
    parts = {
        "gateway": layout.gateways * _per_s(costs.gateway),
        "worker": layout.workers * _per_s(costs.worker),
        "valkey": _per_s(costs.valkey),
    }
    return {**parts, "cores": cores * _per_s(costs.total)}


def most(layout: Layout, costs: Costs, cores: float) -> tuple[float, str]:
    """Requests a second, and the part that keeps it from more."""
    limits = bounds(layout, costs, cores)
    part = min(limits, key=lambda name: limits[name])
    return limits[part], part


def _per_s(cost_ms: float) -> float:
    return 1_000 / cost_ms if cost_ms > 0 else math.inf
