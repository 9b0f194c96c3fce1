"""``python -m benchmarks.queues``: no-op jobs through our job layer and other queues, in interleaved rounds.

Each has the same Valkey (append-only file, synced every second), fresh in every round, one submitting process, and
a worker set up for two cores. A queue that can't be installed or doesn't work here is named and left out.
"""

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.environments import NotInstalled
from benchmarks.queues.contenders import QUEUES, Queue
from benchmarks.queues.timing import Failed, Timed, time_queue
from benchmarks.stats import Sample, description

_HEAD = (
    "queue",
    "what is kept of a job",
    "submit to start, p50 / p99 ms",
    "submits/s",
    "jobs/s",
    "CPU ms a job: submitter + worker + Valkey",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    asked = _arguments(arguments)
    title, timed, absent = description(), defaultdict[str, list[Timed]](list), dict[str, str]()
    taking_part = [QUEUES[name] for name in asked.queues or QUEUES]
    for number in range(asked.rounds):
        shift = number % len(taking_part)
        for queue in taking_part[shift:] + taking_part[:shift]:
            if queue.name in absent:
                continue
            print(f"  {queue.title} …", end=" ", flush=True, file=sys.stderr)
            try:
                with tempfile.TemporaryDirectory(prefix="framelane-queues-") as folder:
                    found = time_queue(queue, Path(folder), asked.ones, asked.seconds)
            except (NotInstalled, Failed) as error:
                absent[queue.name] = str(error)
                print(error, file=sys.stderr)
            else:
                timed[queue.name].append(found)
                print(f"{found.many.jobs_per_s:,.0f} jobs/s", file=sys.stderr)
    _print([_row(QUEUES[name], rounds) for name, rounds in timed.items()], title, markdown=asked.markdown)
    print(f"\n{title}. Medians of {asked.rounds} rounds.")
    for name, why in absent.items():
        print(f"left out: {QUEUES[name].title}: {why}")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queues", description=__doc__)
    parser.add_argument("queues", nargs="*", choices=[*QUEUES, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ones", type=int, default=150, help="jobs that are handed in one at a time")
    parser.add_argument("--seconds", type=float, default=4, help="that the many jobs are to take")
    parser.add_argument("--markdown", action="store_true", help="the table as it stands in the README")
    return parser.parse_args(arguments)


def _row(queue: Queue, rounds: Sequence[Timed]) -> list[str]:
    def middle(name: str) -> float:
        return statistics.median(getattr(each.many, name) for each in rounds)

    samples = [Sample(queue.name, each.waits) for each in rounds]
    p50, p99 = (statistics.median(each.percentile(percent) for each in samples) for percent in (50, 99))
    cpu = [middle(name) for name in ("submitter_ms", "worker_ms", "server_ms")]
    return [
        queue.title,
        queue.record,
        f"{p50:.2f} / {p99:.1f}",
        f"{middle('submits_per_s'):,.0f}",
        f"{middle('jobs_per_s'):,.0f}",
        f"{sum(cpu):.2f}: {' + '.join(f'{each:.2f}' for each in cpu)}",
    ]


def _print(rows: Sequence[list[str]], title: str, *, markdown: bool) -> None:
    if markdown:
        print("\n".join("| " + " | ".join(row) + " |" for row in (_HEAD, ["---"] * len(_HEAD), *rows)))
        return
    table = Table(*_HEAD, title=f"no-op jobs ({title})", title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
