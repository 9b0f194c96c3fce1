"""What a pipeline says, on its way to a store that may be slow, full or away."""

import threading
import time

import pytest

from shared.adapters.memory import MemoryJobs, MemoryJobStore
from shared.errors import JobCancelled, StoreUnavailable
from shared.events import JOB_EVENT, Measured, Progressed
from shared.ports import NewJob
from tests.support.pipelines import task
from tests.support.polling import soon
from tests.support.workshop import CPU, FlakyAttemptStore, RememberingBus
from workers.context import JobContext
from workers.handlers.pipeline_telling import LONGEST_RECORD, Telling

MOST = 50


class SlowStore(FlakyAttemptStore):
    """Answers when it is let; may be away for some calls."""

    def __init__(self, shared):
        super().__init__(shared)
        self.open = threading.Event()
        self.open.set()

    def measure(self, claim, streams, records=()):
        assert self.open.wait(20)
        self._fail("measure")
        return super().measure(claim, streams, records)


class Bench:
    def __init__(self, folder, claim, jobs, store):
        self.bus = jobs.bus
        self.store = store
        self.front = MemoryJobStore(jobs)
        self.context = JobContext(claim, CPU, store, None, folder)

    def telling(self, frames=0):
        return Telling(self.context, 2, MOST, frames, time.monotonic())

    async def events(self, kind):
        told = [JOB_EVENT.validate_json(each) for each in self.bus.heard]
        return [each for each in told if isinstance(each, kind)]

    async def numbers(self):
        return [each.json for each in (await self.front.records("job", limit=1_000)).records]


@pytest.fixture
async def bench(tmp_path):
    jobs = MemoryJobs(RememberingBus())
    store = SlowStore(jobs)
    new = NewJob(id="job", task=task("videotestsrc ! fakesink"), lane="cpu.long", fingerprint="-")
    await MemoryJobStore(jobs).create(new)
    return Bench(tmp_path, store.claim("job", "w", 60), jobs, store)


def fps(frames, *, stream=0, speed=10.0):
    return {"type": "fps", "streams": [{"stream": stream, "frames": frames, "fps": speed}]}


def record(number, stream=0):
    return {"type": "record", "stream": stream, "json": f'{{"n":{number}}}\n'}


async def test_figures_of_all_streams_are_told_together(bench):
    with bench.telling() as telling:
        telling.hear({"type": "first_frame", "stream": 1})
        telling.hear(fps(3))
        telling.hear(fps(5, stream=1, speed=12.5))
        telling.hear({"type": "latency", "stream": 1, "avg_ms": 2, "min_ms": 1, "max_ms": 3})
        telling.hear({"type": "state", "state": "PLAYING"})
    newest = (await bench.events(Measured))[-1]
    assert [(each.stream, each.frames, each.fps) for each in newest.streams] == [(0, 3, 10.0), (1, 5, 12.5)]
    assert newest.streams[0].latency is None
    assert newest.streams[1].latency.avg_ms == 2
    assert telling.first_frame_ms >= 0


async def test_what_comes_at_once_is_told_in_few_calls_and_in_order(bench):
    with bench.telling() as telling:
        for number in range(MOST):
            telling.hear(record(number))
    assert await bench.numbers() == [f'{{"n":{number}}}' for number in range(MOST)]
    assert len(await bench.events(Measured)) <= 2
    assert (telling.records, telling.omitted) == (MOST, 0)


async def test_a_slow_store_holds_nobody_up_and_the_newest_records_stay(bench):
    bench.store.open.clear()
    with bench.telling() as telling:
        began = time.monotonic()
        for number in range(3 * MOST):
            telling.hear(record(number))
        assert time.monotonic() - began < 10, "the store would hold them up for ever"
        bench.store.open.set()
    kept = await bench.numbers()
    assert kept[-1] == f'{{"n":{3 * MOST - 1}}}'
    assert len(kept) + telling.omitted == telling.records == 3 * MOST
    assert len(kept) >= MOST


async def test_a_store_that_comes_back_gets_what_it_missed(bench):
    bench.store.away["measure"] = 2
    with bench.telling() as telling:
        telling.hear(record(1))
        telling.hear(fps(7))
    assert await bench.numbers() == ['{"n":1}']
    assert telling.omitted == 0


async def test_a_store_that_stays_away_costs_records_but_not_the_job(bench):
    bench.store.away["measure"] = 1_000
    with bench.telling() as telling:
        telling.hear(record(1))
    assert await bench.numbers() == []
    assert (telling.records, telling.omitted) == (1, 1)


@pytest.mark.parametrize("odd", ["x" * 9, "[1]", '{"a":NaN}', '{"a":"' + "b" * LONGEST_RECORD + '"}', "{"])
async def test_what_no_reader_could_take_is_not_told(bench, odd):
    with bench.telling() as telling:
        telling.hear(record(1))
        telling.hear({"type": "record", "stream": 0, "json": odd})
    assert await bench.numbers() == ['{"n":1}']
    assert (telling.records, telling.omitted) == (2, 1)


async def test_who_measures_learns_of_a_cancellation(bench):
    await bench.front.request_cancel("job", "enough")
    with bench.telling() as telling:
        telling.hear(fps(1))
    with pytest.raises(JobCancelled):
        bench.context.check()


async def test_progress_goes_from_start_to_run(bench):
    with bench.telling(frames=100) as telling:
        await soon(lambda: bench.events(Progressed))
        telling.hear({"type": "first_frame", "stream": 0})
        telling.hear(fps(50))

        async def runs():
            return (await bench.events(Progressed))[-1].progress.stage == "run"

        await soon(runs)
    first, *_, last = await bench.events(Progressed)
    assert (first.progress.stage, first.progress.fraction) == ("start", 0.0)
    assert (last.progress.fraction, last.progress.message) == (0.5, "50 frames, 10.0 FPS")


async def test_after_a_failure_nothing_more_is_told(bench):
    bench.store.open.clear()
    threading.Timer(0.3, bench.store.open.set).start()

    def fail():
        with bench.telling() as telling:
            telling.hear(record(1))
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        fail()
    assert len(await bench.numbers()) <= 1
