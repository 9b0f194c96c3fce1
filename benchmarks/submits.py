"""Asynchronous submits (202) through the gateway, beside bare Celery's ``apply_async`` in a loop of one process.

Workers stand still meanwhile, in both, so that only the submitting is measured. Both use the same Valkey and
the same broker settings. Bare Celery's caller is the process that submits: its next call comes when Valkey has
answered the one before, and nothing but a message is kept. Ours has callers elsewhere (wrk): HTTP, JSON, checks
and a durable record with an event are in its figures; what comes meanwhile goes to Valkey together.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import program
from benchmarks.holding import HOLDING, held
from benchmarks.peers.load import drive
from benchmarks.processes import cpu_s
from benchmarks.stack import running
from benchmarks.stats import machine, print_figures
from benchmarks.submit_to_start import SPEC_BODY
from client.local import LocalStack

ROUNDS = 3
ROUND_S = 3
CALLERS = (1, 16, 64)
COMPARED = 16
TARGET = 1.5

BARE = """
import json, sys, time
from shared.adapters.celery_queue import make_celery
from shared.settings import Settings
app = make_celery(Settings.model_validate({"redis_url": sys.argv[1]}))
@app.task(name="bare.body")
def task():
    pass

for _ in range(50):
    task.apply_async(queue="bare", priority=4, retry=False)
begun, cpu, done = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - begun < float(sys.argv[2]):
    task.apply_async(queue="bare", priority=4, retry=False)
    done += 1
print(json.dumps([done / (time.perf_counter() - begun), (time.process_time() - cpu) * 1000 / done]))
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """CPU milliseconds a job: of the process that submits, and of Valkey."""

    per_second: float
    cpu_ms: float
    valkey_ms: float

    @classmethod
    def of(cls, rates: Sequence["Rate"]) -> "Rate":
        """Medians."""
        names = ("per_second", "cpu_ms", "valkey_ms")
        return cls(*(statistics.median(getattr(rate, name) for rate in rates) for name in names))

    def __str__(self) -> str:
        """For the table."""
        return f"{self.per_second:,.0f} (CPU {self.cpu_ms:.2f} + Valkey {self.valkey_ms:.2f} ms)"


def bare(stack: LocalStack) -> Rate:
    """Of a process of its own."""
    valkey = stack.pids()["valkey"]
    before = cpu_s(valkey)
    command = [sys.executable, "-c", BARE, stack.redis_url, str(ROUND_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    per_second, cpu_ms = json.loads(done.stdout.splitlines()[-1])
    return Rate(per_second, cpu_ms, (cpu_s(valkey) - before) * 1000 / (per_second * ROUND_S))


def ours(stack: LocalStack, wrk: str, body: Path, callers: int) -> Rate:
    """Of the gateway."""
    pids = [stack.pids()[name] for name in ("gateway", "valkey")]
    before = [cpu_s(pid) for pid in pids]
    seen = drive(wrk, f"{stack.url}/api/v1/jobs", body, callers, ROUND_S)
    if seen.wrong:
        msg = f"{seen.wrong} submits weren't accepted"
        raise SystemExit(msg)
    spent = [(cpu_s(pid) - was) * 1000 / seen.requests for pid, was in zip(pids, before, strict=True)]
    return Rate(seen.per_second, *spent)


def main() -> None:
    """Print the table."""
    wrk = program("wrk")
    with tempfile.TemporaryDirectory() as folder, running(settings=HOLDING) as stack:
        body = Path(folder) / "body"
        body.write_bytes(SPEC_BODY)
        with held(stack.pids()["cpu"]):
            ours(stack, wrk, body, COMPARED)  # warms up
            rounds = [
                (bare(stack), [ours(stack, wrk, body, callers) for callers in CALLERS]) for _ in range(ROUNDS)
            ]
    plain = Rate.of([each for each, _ in rounds])
    through = {callers: Rate.of([of[number] for _, of in rounds]) for number, callers in enumerate(CALLERS)}
    target = f"{plain.per_second * TARGET:,.0f}"
    print_figures(
        f"Asynchronous submits a second ({machine()})",
        [
            ("bare Celery: apply_async, one process, no record", str(plain), ""),
            *(
                (
                    f"ours: POST /jobs over HTTP with a record, {callers} callers, one gateway",
                    str(rate),
                    target if callers == COMPARED else "",
                )
                for callers, rate in through.items()
            ),
            (
                f"ours of bare, {COMPARED} callers",
                f"{through[COMPARED].per_second / plain.per_second:.2f}",
                f"{TARGET}",
            ),
        ],
    )


if __name__ == "__main__":
    main()
