"""What a job of one row costs a worker and its Valkey, alone and in batches: processor time, without Celery.

Real records in a Valkey of its own, the real runner, the real network. Jobs are made beforehand and don't count.
"""

import argparse
import asyncio
import cProfile
import logging
import pstats
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import redis
import structlog

from benchmarks.stats import machine, print_figures
from client.local.embedded import EmbeddedValkey
from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.packing import InferenceTask, PackedInput
from shared.ports import Envelope, NewJob
from shared.routing import place_of
from shared.settings import Settings
from tests.support.workplace import Workplace
from workers.keeper import Keeper
from workers.outbox import Outbox
from workers.runner import Runner, WorkerIdentity

GROUP = "inference:asl"
PLACE = place_of(5, "cpu", GROUP)


class Bench:
    """A worker's parts over a real store."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.place = Workplace(folder / "worker")
        self.place.install()
        self.store = RedisAttemptStore(settings)
        self.queue = CeleryJobQueue(settings)
        self.server = redis.Redis.from_url(settings.store_url)
        self.folder = folder

    def runner_of(self, together: int) -> Runner:
        """A worker that takes so many at once."""
        store = self.store
        return Runner(
            WorkerIdentity("bench", self.place.device, self.folder, 15.0, lanes=("cpu",), together=together),
            store,
            self.place.artifacts,
            {"inference": self.place.handler},
            Keeper(store, 15.0, 5.0, 3.0),
            Outbox(store, self.queue, 1.0),
        )

    async def submit(self, count: int) -> list[str]:
        """Jobs that wait together."""
        front = RedisJobStore(self.settings)
        rows = np.random.default_rng(7).random((count, 63), dtype=np.float32)
        task = InferenceTask(model="asl", inputs=[PackedInput(kind="landmarks", blob=0, rows=1)])
        news = [
            NewJob(
                id=str(uuid.uuid4()),
                task=task,
                lane="cpu",
                fingerprint="0" * 64,
                blobs=[row.tobytes()],
                message=Envelope("unread", b"of the place"),
                group=GROUP,
                headers={"request_id": uuid.uuid4().hex},
            )
            for row in rows
        ]
        for at in range(0, count, 256):
            await asyncio.gather(*(front.create(new) for new in news[at : at + 256]))
        await front.close()
        return [new.id for new in news]

    def server_s(self) -> float:
        """Processor seconds of Valkey so far."""
        used = self.server.info("cpu")
        return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])

    def close(self) -> None:
        """Let go of all."""
        self.place.handler.close()
        self.store.close()
        self.queue.close()
        self.server.close()


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a job: of this process, of Valkey; and those of a call."""

    mine: float
    its: float
    calls: Sequence[float]

    def row(self, what: str, target: str = "") -> tuple[str, str, str]:
        """For the table."""
        p50 = statistics.median(self.calls)
        return what, f"worker {self.mine:.3f}, Valkey {self.its:.3f}, a call {p50:.2f}", target


def costs(bench: Bench, calls: Sequence[Callable[[], None]], each: int) -> Cost:
    """Of these calls, which run so many jobs each; a part of them beforehand, to warm up."""
    counted = calls[len(calls) // 4 :]
    for call in calls[: -len(counted)]:
        call()
    mine, its, took = time.process_time(), bench.server_s(), list[float]()
    for call in counted:
        begun = time.perf_counter()
        call()
        took.append((time.perf_counter() - begun) * 1000)
    mine, its = time.process_time() - mine, bench.server_s() - its
    jobs = each * len(counted)
    return Cost(mine * 1000 / jobs, its * 1000 / jobs, took)


def in_batches(bench: Bench, size: int, batches: int) -> Cost:
    """All wait beforehand: each call takes as many as it may."""
    asyncio.run(bench.submit(size * batches))
    run = bench.runner_of(size).run_batch
    return costs(bench, [lambda: run(PLACE)] * batches, size)


def one_by_one(bench: Bench, jobs: int) -> Cost:
    """Each with a message of its own."""
    ids = asyncio.run(bench.submit(jobs))
    run = bench.runner_of(1).run
    return costs(bench, [lambda job_id=job_id: run(job_id) for job_id in ids], 1)


def profiled(bench: Bench, jobs: int, lines: int) -> None:
    """The dearest functions of batches of 64."""
    asyncio.run(bench.submit(jobs))
    profile = cProfile.Profile()
    profile.enable()
    runner = bench.runner_of(64)
    for _ in range(jobs // 64):
        runner.run_batch(PLACE)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_920)
    parser.add_argument("--profile", type=int, default=0, help="print so many of the dearest functions instead")
    given, _ = parser.parse_known_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        valkey = EmbeddedValkey(Path(folder) / "valkey").start()
        bench = Bench(Path(folder), Settings.model_validate({"redis_url": valkey.url}))
        try:
            if given.profile:
                profiled(bench, given.jobs, given.profile)
            else:
                rows = [
                    one_by_one(bench, given.jobs // 4).row("with a message of its own"),
                    in_batches(bench, 1, given.jobs // 4).row("in a batch of 1"),
                    in_batches(bench, 8, given.jobs // 8).row("in a batch of 8"),
                    in_batches(bench, 64, given.jobs // 64).row("in a batch of 64", "worker 0.150"),
                ]
                print_figures(f"Processor time of a job, ms ({machine()})", rows)
        finally:
            bench.close()
            valkey.stop()


if __name__ == "__main__":
    main()
