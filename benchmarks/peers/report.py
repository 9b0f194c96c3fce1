"""Medians over rounds, in one table, for a terminal or for the README."""

import statistics
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks.peers.contenders import Contender
from benchmarks.peers.serving import Served
from benchmarks.stats import description

_WIDTH = 200
_BARE = "fastapi"
_OURS = "framelane"
Row: TypeAlias = list[str]


class Report:
    """Gathers what was measured."""

    def __init__(self, connections: Sequence[int]) -> None:
        self._connections = connections
        self._served: dict[str, tuple[Contender, list[Served]]] = {}
        self._absent: dict[str, str] = {}
        self._title = description()

    def add(self, contender: Contender, served: Served) -> None:
        """One round."""
        self._served.setdefault(contender.name, (contender, []))[1].append(served)

    def absent(self, name: str, why: str) -> None:
        """It isn't, or isn't wholly, in the table."""
        self._absent[name] = why

    def print(self, *, markdown: bool) -> None:
        """The table, who is missing from it, and how we stand."""
        head, rows = self._head(), [self._row(name) for name in self._served]
        if markdown:
            print("\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)))
        else:
            table = Table(*head, title=f"asl, one hand a request ({self._title})", title_justify="left")
            for row in rows:
                table.add_row(*row)
            Console(width=_WIDTH).print(table)
        print(f"\n{self._title}. Medians of {self._rounds()} rounds; server and load generator share the cores.")
        print(f"wrk itself took {self._most(lambda cell: cell.seen.own_cpu):.0%} of a core at most.")
        for name, why in self._absent.items():
            print(f"left out: {name}: {why}")
        for line in self._verdicts():
            print(line)

    def _head(self) -> Row:
        cells = [f"c={count}: req/s, p50 / p99 ms, CPU ms" for count in self._connections]
        return ["server", "durable", *cells, "memory, own / PSS MiB", "start s"]

    def _row(self, name: str) -> Row:
        contender, rounds = self._served[name]
        cells: Row = []
        for count in self._connections:
            seen = [each.cells[count].seen for each in rounds]
            rate, p50, p99 = (
                statistics.median(getattr(each, what) for each in seen)
                for what in ("per_second", "p50_ms", "p99_ms")
            )
            cpu = statistics.median(each.cells[count].cpu_ms for each in rounds)
            wrong = sum(each.wrong for each in seen)
            cells.append(f"{rate:,.0f}, {p50:.2f} / {p99:.1f}, {cpu:.2f}" + (f", {wrong} FAILED" if wrong else ""))
        own, pss = (
            statistics.median(getattr(each.memory, what) for each in rounds) for what in ("anonymous", "pss")
        )
        durable = "yes" if contender.product.durable else "no"
        start = f"{statistics.median(each.start_s for each in rounds):.1f}"
        return [name, durable, *cells, f"{own:.0f} / {pss:.0f}", start]

    def _rounds(self) -> int:
        return max((len(rounds) for _, rounds in self._served.values()), default=0)

    def _most(self, what: Callable[..., float]) -> float:
        cells = [cell for _, rounds in self._served.values() for each in rounds for cell in each.cells.values()]
        return max(map(what, cells), default=0.0)

    def _verdicts(self) -> list[str]:
        """Beside the best setting of each, at the most connections."""
        count = max(self._connections)
        rates = {name: self._rate(name, count) for name in self._served}
        of = {name: contender.product.name for name, (contender, _) in self._served.items()}
        ours = max((name for name in rates if of[name] == _OURS), key=rates.__getitem__, default=None)
        if ours is None:
            return []
        lines: list[str] = []
        for group, target in (
            ([name for name in rates if of[name] not in {_OURS, _BARE}], "at least 1.3"),
            ([name for name in rates if of[name] == _BARE], "at least 0.45"),
        ):
            if best := max(group, key=rates.__getitem__, default=None):
                ratio = rates[ours] / rates[best]
                lines.append(f"c={count}: {ours} answers {ratio:.2f} x as many as {best} (target: {target})")
        if 1 in self._connections:
            p50 = statistics.median(each.cells[1].seen.p50_ms for each in self._served[ours][1])
            lines.append(f"c=1: {ours}'s p50 is {p50:.2f} ms (target: at most 5)")
        return lines

    def _rate(self, name: str, count: int) -> float:
        return statistics.median(each.cells[count].seen.per_second for each in self._served[name][1])
