"""Renders ``docs/reference/metrics.md`` from what is counted: ``python -m deploy.metrics_reference``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from api.meters import Meters
from api.services.overview import Moment, families
from workers.meters import REGISTRY

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"

_HEAD = """# Metrics

What Prometheus is told. Made from the code by `make contracts`; don't edit. How to have them asked for:
[observe](../how-to/observe.md).

Labels have few values: no job, session or caller is one. Of models some hundred have their name, later ones are
`other`. A figure that a machine doesn't have is absent, not zero.
"""

_READ = """
Lanes, workers, hosts and devices are read from the store when Prometheus asks; every gateway tells the same, so
ask with `max by`. Figures of hosts and devices come with the heartbeats of their workers.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A metric; ``name`` as queries call it, of a histogram without ``_bucket``, ``_sum`` and ``_count``."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


def gateway() -> list[Told]:
    """At ``/metrics`` of a gateway."""
    return [*_counted(Meters().registry), *map(_told, families(Moment(0.0)))]


def worker() -> list[Told]:
    """At the port of a worker."""
    return _counted(REGISTRY)


def names() -> set[str]:
    """Every name that a query can use."""
    found: set[str] = set()
    for told in (*gateway(), *worker()):
        parts = [f"{told.name}_{part}" for part in ("bucket", "sum", "count")]
        found.update(parts if told.kind == "histogram" else [told.name])
    return found


def render() -> str:
    """The page."""
    return (
        _HEAD
        + _table("Of gateways, at `/metrics`", gateway())
        + _READ
        + _table("Of workers, at `FRAMELANE_METRICS__PORT`", worker())
    )


def _table(title: str, metrics: Iterable[Told]) -> str:
    rows = (f"| `{each.name}` | {each.kind} | {_labels(each)} | {each.about} |\n" for each in metrics)
    return f"\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _labels(told: Told) -> str:
    return ", ".join(f"`{name}`" for name in told.labels) or "none"


def _counted(registry: CollectorRegistry) -> list[Told]:
    # What a metric's labels are called is asked of the metric itself: without counts it shows none.
    collectors: Iterable[Any] = registry._collector_to_names  # noqa: SLF001
    return [
        _told(family, getattr(collector, "_labelnames", None))
        for collector in collectors
        for family in collector.collect()
    ]


def _told(family: Any, labels: tuple[str, ...] | None = None) -> Told:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Told(name, family.type, labels or getattr(family, "_labelnames", ()), family.documentation)


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
