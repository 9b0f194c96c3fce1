"""What happens to a job, told to a thousand and to ten thousand WebSocket clients of one gateway process.

Jobs and events are real ones, written by the store that workers use; clients are processes of their own. Late is
what lies between an event's time on the store's clock and the client's reading it.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import psutil

from benchmarks.stats import machine, print_figures
from client.local import LocalStack
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.jobs import Completed, Progress
from shared.packing import InferenceTask, PackedInput
from shared.ports import Claim, NewJob
from shared.results import InferenceResult, InferenceTimings
from shared.settings import Settings

EVENTS_PER_S = 5
SECONDS = 20
MANY, MOST = 1_000, 10_000
PROCESSES = 2
MIB = 1024 * 1024
_END_WITHIN_S = 60.0
"""Of all clients, after the last event."""
_SPARE_FILES = 200
"""Of a process, beside its clients' sockets."""


class Jobs:
    """Running jobs, as their worker sees them."""

    def __init__(self, url: str, count: int) -> None:
        self._settings = Settings.model_validate({"redis_url": url})
        self._store = RedisAttemptStore(self._settings)
        ids = [str(uuid.uuid4()) for _ in range(count)]
        asyncio.run(self._make(ids))
        self.claims = [self._claim(each) for each in ids]

    async def _make(self, ids: Sequence[str]) -> None:
        store = RedisJobStore(self._settings, Circuit(StoreUnavailable))
        task = InferenceTask(model="asl", inputs=[PackedInput(kind="landmarks", blob=0, rows=1)])
        for each in ids:
            await store.create(NewJob(id=each, task=task, lane="cpu", fingerprint=each, blobs=[bytes(252)]))
        await store.close()

    def _claim(self, job_id: str) -> Claim:
        claim = self._store.claim(job_id, "bench-1", 3_600)
        assert claim is not None
        return claim

    def get_on(self, seconds: float, per_s: float) -> None:
        """Report progress of every job, evenly spread over time."""
        steps = round(seconds * per_s)
        begun = time.monotonic()
        for number in range(steps * len(self.claims)):
            time.sleep(max(0.0, begun + number / (per_s * len(self.claims)) - time.monotonic()))
            step, job = divmod(number, len(self.claims))
            self._store.report(self.claims[job], Progress(fraction=step / steps, stage="working"))

    def end(self) -> None:
        """Complete all, as fast as it goes."""
        timings = InferenceTimings(model_ms=0.1)
        result = InferenceResult(
            model="asl", version="0" * 16, runtime="torch", device="CPU", predictions=[], timings=timings
        )
        for claim in self.claims:
            self._store.settle(claim, Completed(result=result))
        self._store.close()


@dataclass
class Told:
    """What all clients together heard, and what it took the gateway."""

    late_ms: Counter[int]
    ends_late_ms: Counter[int]
    lagged: int = 0
    unended: int = 0
    clients_cpu_s: float = 0.0
    cpu_s: float = 0.0
    rss: int = 0
    rss_before: int = 0
    rss_most: int = 0


def percentile(counts: Counter[int], percent: float) -> int:
    """Of values, given how often each was there."""
    left = counts.total() * percent / 100
    for value, count in sorted(counts.items()):
        left -= count
        if left <= 0:
            return value
    return 0


def spread(counts: Counter[int]) -> str:
    """Its percentiles."""
    return f"{percentile(counts, 50)}, {percentile(counts, 99)}, {percentile(counts, 100)} ms"


@contextmanager
def clients(url: str, paths: Sequence[str], processes: int) -> Generator[list[subprocess.Popen[str]]]:
    """Processes whose clients are all open."""
    where = urlsplit(url)
    with ExitStack() as ending:
        crowds = [
            ending.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.followers"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for crowd in crowds:
            ending.callback(crowd.kill)
        for number, crowd in enumerate(crowds):
            asked = {"host": where.hostname, "port": where.port, "paths": paths[number::processes]}
            assert crowd.stdin is not None
            crowd.stdin.write(json.dumps(asked) + "\n")
            crowd.stdin.flush()
        for crowd in crowds:
            assert crowd.stdout is not None
            if crowd.stdout.readline() != "open\n":
                raise SystemExit("clients couldn't connect")
        yield crowds


def followed(stack: LocalStack, count: int, jobs: int, seconds: float, per_s: float) -> Told:
    """``count`` clients follow ``jobs`` jobs to their ends."""
    gateway = psutil.Process(stack.pids()["gateway"])
    before = gateway.memory_info().rss
    running = Jobs(stack.redis_url, jobs)
    paths = [f"/api/v1/ws/jobs/{running.claims[number % jobs].job_id}" for number in range(count)]
    with clients(stack.url, paths, max(PROCESSES, -(-count // 5_000))) as crowds:
        begun = sum(gateway.cpu_times()[:2])
        running.get_on(seconds, per_s)
        rss = gateway.memory_info().rss
        cpu_s = sum(gateway.cpu_times()[:2]) - begun
        running.end()
        told = _sum(crowds)
    told.cpu_s, told.rss, told.rss_before, told.rss_most = cpu_s, rss, before, _most_rss(gateway.pid)
    return told


def _most_rss(pid: int) -> int:
    """Bytes, of all times."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _sum(crowds: Sequence[subprocess.Popen[str]]) -> Told:
    told = Told(Counter(), Counter())
    for crowd in crowds:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        enough = Timer(_END_WITHIN_S, crowd.stdin.close)
        enough.start()
        heard = json.loads(crowd.stdout.readline())
        enough.cancel()
        told.late_ms.update({int(ms): count for ms, count in heard["late_ms"].items()})
        told.ends_late_ms.update({int(ms): count for ms, count in heard["ends_late_ms"].items()})
        told.lagged += heard["lagged"]
        told.unended += heard["unended"]
        told.clients_cpu_s += heard["cpu_s"]
    return told


def rows(
    name: str, told: Told, count: int, seconds: float, targets: tuple[str, str]
) -> Iterator[tuple[str, str, str]]:
    """What, measured, target."""
    sent = told.late_ms.total()
    yield f"{name}: late p50, p99, most", spread(told.late_ms), targets[0]
    yield "  the ends, all at once: late p50, p99, most", spread(told.ends_late_ms), ""
    yield "  events told; lagged; without the end", f"{sent:,}; {told.lagged}; {told.unended} of {count:,}", "0; 0"
    busy = told.cpu_s / max(1, sent) * 1e6
    yield "  gateway: of a core; µs of it an event", f"{told.cpu_s / seconds:.0%}; {busy:.0f}", ""
    grown = (told.rss - told.rss_before) / count / 1024
    memory = f"{told.rss / MIB:.0f}, {told.rss_most / MIB:.0f} MiB; {grown:.1f} KiB"
    yield "  gateway: memory, and at most; of it each client", memory, targets[1]


def main(seconds: float = SECONDS) -> None:
    """Print the table."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))  # the gateway has it from us
    most = min(MOST, limit - _SPARE_FILES)
    table: list[tuple[str, str, str]] = []
    with stack_alone() as stack:
        for jobs, name in ((1, f"{MANY:,} clients of one job"), (100, f"{MANY:,} clients of 100 jobs")):
            told = followed(stack, MANY, jobs, seconds, EVENTS_PER_S)
            table += rows(f"{name}, {EVENTS_PER_S}/s each", told, MANY, seconds, ("p99 100", ""))
    with stack_alone() as stack:
        told = followed(stack, most, 100, seconds, 0.2)
        table += rows(f"{most:,} clients of 100 jobs, 0.2/s each", told, most, seconds, ("", "400 MB"))
    print_figures(f"Followers of one gateway process ({machine()}; nofile {limit:,})", table)


@contextmanager
def stack_alone() -> Generator[LocalStack]:
    """A fresh gateway, whose jobs nobody but us runs."""
    with (
        tempfile.TemporaryDirectory(prefix="framelane-bench-") as folder,
        LocalStack(Path(folder) / "data", lanes=("io",)) as stack,
    ):
        yield stack


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
