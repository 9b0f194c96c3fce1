"""Asynchronous submits (202) through the gateway, beside bare Celery's ``apply_async`` in a loop of one process.

Workers stand still meanwhile, in both, so that only the submitting is measured. Both use the same Valkey and the
same broker settings. Ours has HTTP, validation and a durable record on top; wrk posts for 16 callers.
"""

import json
import statistics
import subprocess
import sys
import tempfile
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
CALLERS = 16
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
    """``cpu_ms``: of the process that submits, a job."""

    per_second: float
    cpu_ms: float


def bare(url: str) -> Rate:
    """Of a process of its own."""
    command = [sys.executable, "-c", BARE, url, str(ROUND_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Rate(*json.loads(done.stdout.splitlines()[-1]))


def ours(stack: LocalStack, wrk: str, body: Path) -> Rate:
    """Of the gateway."""
    gateway = stack.pids()["gateway"]
    before = cpu_s(gateway)
    seen = drive(wrk, f"{stack.url}/api/v1/jobs", body, CALLERS, ROUND_S)
    if seen.wrong:
        msg = f"{seen.wrong} submits weren't accepted"
        raise SystemExit(msg)
    return Rate(seen.per_second, (cpu_s(gateway) - before) * 1000 / seen.requests)


def main() -> None:
    """Print the table."""
    wrk = program("wrk")
    with tempfile.TemporaryDirectory() as folder, running(settings=HOLDING) as stack:
        body = Path(folder) / "body"
        body.write_bytes(SPEC_BODY)
        with held(stack.pids()["cpu"]):
            ours(stack, wrk, body)  # warms up
            pairs = [(bare(stack.redis_url), ours(stack, wrk, body)) for _ in range(ROUNDS)]
    plain, through = (
        Rate(
            *(statistics.median(getattr(pair[side], name) for pair in pairs) for name in ("per_second", "cpu_ms"))
        )
        for side in (0, 1)
    )
    ratio = through.per_second / plain.per_second
    print_figures(
        f"Asynchronous submits a second ({machine()})",
        [
            ("bare Celery: apply_async, one process", f"{plain.per_second:,.0f} ({plain.cpu_ms:.2f} CPU ms)", ""),
            (
                f"ours: POST /jobs, {CALLERS} callers, one gateway",
                f"{through.per_second:,.0f} ({through.cpu_ms:.2f} CPU ms)",
                f"{plain.per_second * TARGET:,.0f}",
            ),
            ("ours of bare", f"{ratio:.2f}", f"{TARGET}"),
        ],
    )


if __name__ == "__main__":
    main()
