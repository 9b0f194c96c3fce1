"""From submit to the first line of the task, one at a time on an idle system, beside bare Celery.

Both use the same Valkey, the same broker settings and the same kind of worker pool. Bare Celery is a task
that only notes the time. Ours has a durable record, a claim and an event each way on top.
"""

import json
import subprocess
import sys
import time
from datetime import datetime
from typing import IO

import httpx2

from benchmarks.stack import running
from benchmarks.stats import Sample, machine, print_latencies
from shared.adapters.celery_queue import make_celery
from shared.settings import Settings

ROUNDS = 300
WARM_UP = 30

LANDMARKS = [{"x": 0.3 + 0.02 * n, "y": 0.8 - 0.03 * n, "z": -0.01 * n} for n in range(21)]
SPEC = {"kind": "inference", "model": "asl", "inputs": [{"landmarks": LANDMARKS}]}
SPEC_BODY = json.dumps(SPEC).encode()


def bare_celery(url: str) -> list[float]:
    """Milliseconds from ``apply_async`` to the task's body."""
    settings = Settings.model_validate({"redis_url": url})
    app = make_celery(settings)
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_worker", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert worker.stdout is not None
        _said(worker.stdout, "ready")
        waits: list[float] = []
        for number in range(WARM_UP + ROUNDS):
            begun = time.time()
            app.send_task("framelane.bare_stamp", ["-"], queue="bare", priority=4, retry=False)
            started = float(_said(worker.stdout, "started"))
            if number >= WARM_UP:
                waits.append((started - begun) * 1000)
        return waits
    finally:
        worker.terminate()
        worker.wait(20)


def _said(lines: IO[str], word: str) -> str:
    """What follows ``word`` in the next line that begins with it."""
    return next(line.removeprefix(word) for line in lines if line.startswith(word))


def ours(url: str) -> tuple[list[float], list[float]]:
    """Milliseconds from acceptance to start, and from the client's POST to start."""
    accepted: list[float] = []
    posted: list[float] = []
    with httpx2.Client(base_url=url) as http:
        for number in range(WARM_UP + ROUNDS):
            begun = time.time()
            answer = http.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=10"})
            answer.raise_for_status()
            job = answer.json()
            started = _epoch(job["started_at"])
            if number >= WARM_UP:
                accepted.append(job["queue_wait_ms"])
                posted.append((started - begun) * 1000)
    return accepted, posted


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def main() -> None:
    """Print the three rows."""
    with running() as stack:
        bare = Sample("bare Celery: send_task to task body", bare_celery(stack.redis_url))
        accepted, posted = ours(stack.url)
    print_latencies(
        f"Submit to start, idle ({machine()})",
        [bare, Sample("ours: accepted to claimed", accepted), Sample("ours: client's POST to claimed", posted)],
        ["", f"p50 5, p99 20, first + 2 = {bare.median + 2:.2f}", ""],
    )


if __name__ == "__main__":
    sys.exit(main())
