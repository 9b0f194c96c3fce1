"""A row of the table: what it says, and what it is judged by."""

import dataclasses
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from tests.faults.caller import Caller
from tests.faults.field import Field
from tests.faults.ledger import Tally


@dataclass(frozen=True, slots=True)
class Spec:
    """``parts``: what its field has beside a Valkey; rows with the same parts share one."""

    name: str
    invariant: str
    run: Callable[["Row"], Awaitable[None]]
    parts: frozenset[str] = frozenset()


@dataclass
class Row:
    """One run of a row."""

    name: str
    field: Field
    chance: random.Random
    caller: Caller
    injected: str = ""
    load: str = ""
    figures: list[str] = dataclasses.field(default_factory=list[str])
    broken: list[str] = dataclasses.field(default_factory=list[str])

    @property
    def tally(self) -> Tally:
        return self.field.ledger.tally(self.name)

    def check(self, holds: object, otherwise: str) -> None:
        """A condition of passing."""
        if not holds:
            self.broken.append(otherwise)

    def none(self, bad: Collection[str], what: str) -> None:
        """Passing asks that there are none of these jobs."""
        self.figures.append(f"{len(bad)} {what}")
        self.check(not bad, f"{len(bad)} {what}: {', '.join(sorted(bad)[:5])}")

    def figure(self, text: str) -> None:
        self.figures.append(text)

    def unfinished(self, pids: Collection[int]) -> set[tuple[str, int]]:
        """Job and fence of every attempt that began in these processes and hasn't reached its end."""
        tally = self.tally
        begun = {
            (job, line["fence"]) for job, lines in tally.starts.items() for line in lines if line["pid"] in pids
        }
        return begun - {(job, line["fence"]) for job, lines in tally.ends.items() for line in lines}

    def kept(self) -> Tally:
        """0 lost, 0 double commits, nothing COMPLETED that no body completed."""
        tally = self.tally
        self.none([self.caller.last_seen(job) for job in tally.lost], "lost")
        self.none(tally.doubled | tally.unproven, "double commits")
        return tally


def percentile(values: Collection[float], share: float) -> float:
    """0 of no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
