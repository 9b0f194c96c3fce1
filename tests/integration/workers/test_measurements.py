"""Benchmarks on a real worker of a long lane, with the GStreamer of this machine."""

import asyncio
import os
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.adapters.redis_benchmarks import RedisBenchmarkStore
from shared.adapters.redis_leases import RedisDeviceLeases
from shared.benchmarks import Benchmark, DensityResult, PerformanceResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed, JobRecord
from shared.measure.estimates import LEAST_RUNS
from shared.measurements import ShareFields
from shared.packing import DensityTask, PerformanceTask, PipelineTask
from shared.ports import NewJob
from shared.settings import Settings
from shared.states import JobState
from tests.support.pipeline_lab import Lab, error_of
from tests.support.pipelines import needs_gstreamer, task
from tests.support.processes import LIMIT_S, System

pytestmark = [pytest.mark.service, needs_gstreamer()]

PACED = (
    "videotestsrc ! video/x-raw,width=64,height=48,framerate={fps}/1 ! fakesink name=default_output_sink sync=true"
)
HUNGRY = (  # lets no frame go before it keeps twenty of 32 MiB, however slowly they come
    "videotestsrc pattern=black ! video/x-raw,format=RGBA,width=8192,height=1024,framerate=20/1 ! "
    "queue min-threshold-buffers=20 max-size-buffers=21 max-size-bytes=0 max-size-time=0 ! "
    "fakesink name=default_output_sink sync=true"
)
ENOUGH_FOR_ONE = str(1_600 * 2**20)
ENDS = "videotestsrc num-buffers=5 ! fakesink name=default_output_sink"


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    # What else this machine does is no matter of these tests.
    memory = {"FRAMELANE_PIPELINES__MEMORY_BYTES": ENOUGH_FOR_ONE}
    yield Lab(system, FRAMELANE_MEASURING__FOREIGN_PERCENT="100", **memory)
    system.close()


def pipeline(name: str, text: str, **fields: object) -> PipelineTask:
    return task(text, max_runtime_s=86_400.0, **fields).model_copy(update={"pipeline_id": name})


def performance(*specs: object, **fields: object) -> NewJob:
    short = {"duration_s": 2.0, "warmup_s": 0.5, "repeats": 2} | fields
    asked = PerformanceTask(specs=list(specs), **short)
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


def density(spec: object, **fields: object) -> NewJob:
    short = {"duration_s": 1.0, "warmup_s": 0.2, "repeats": 1, "max_streams": 4} | fields
    asked = DensityTask(specs=[spec], shares=[ShareFields(stream_rate=100)], **short)
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


def result_of(job: JobRecord) -> object:
    assert isinstance(job.outcome, Completed), job.outcome
    return job.outcome.result


async def kept(settings: Settings, name: str) -> Benchmark:
    store = RedisBenchmarkStore(settings)
    try:
        return await store.get(name)
    finally:
        await store.close()


async def test_streams_of_several_pipelines_are_told_apart(lab: Lab, module_settings: Settings) -> None:
    new = performance(
        pipeline("slow", PACED.format(fps=10), streams=2, latency_metrics=True),
        pipeline("fast", PACED.format(fps=40)),
        name="Side by side",
    )
    job = await lab.system.ended(await lab.send(new))

    result = result_of(job)
    assert isinstance(result, PerformanceResult)
    slow, fast = result.pipelines
    assert [one.fps.median for one in slow.streams] == pytest.approx([10, 10], rel=0.2)
    assert [one.fps.median for one in fast.streams] == pytest.approx([40], rel=0.2)
    assert result.total_fps.median == pytest.approx(60, rel=0.2)
    assert result.slowest.startswith("slow#")
    assert slow.slowest_fps.runs == 2
    assert result.trusted
    # A busy machine may be looked at too seldom for one of the runs.
    assert any("cpu_percent" in run.machine for run in result.runs)
    assert {"device", "kernel", "cores", "gstreamer"} <= result.environment.parts.keys()

    names = {each.name: each.media_type for each in job.artifacts}
    assert names == {"report.html": "text/html", "figures.csv": "text/csv", "result.json": "application/json"}
    assert "Side by side" in lab.fetch(job, "report.html").read_text()
    found = await kept(module_settings, result.benchmark_id)
    assert (found.name, found.score, found.pipelines) == (
        "Side by side",
        result.total_fps.median,
        ["slow", "fast"],
    )
    assert lab.nothing_left()
    leases = RedisDeviceLeases(module_settings)
    assert leases.list() == []
    leases.close()


async def test_what_ends_by_itself_can_not_be_measured(lab: Lab) -> None:
    code, detail = error_of(await lab.system.ended(await lab.send(performance(pipeline("short", ENDS)))))
    assert code == "pipeline-failed"
    assert "no frame came" in detail


async def test_a_killed_search_goes_on_with_the_steps_it_knows(lab: Lab, module_settings: Settings) -> None:
    job_id = await lab.send(density(pipeline("paced", PACED.format(fps=30)), fps_floor=20.0, max_streams=3))
    await lab.system.when(job_id, lambda job: "fps keeps 20" in (job.progress.message or ""))
    os.kill(lab.worker.child, signal.SIGKILL)

    job = await lab.system.ended(job_id, 2 * LIMIT_S)  # the lease of the killed one has to lapse first

    assert len(job.attempts) == 2
    result = result_of(job)
    assert isinstance(result, DensityResult)
    assert (result.n_streams, result.ended) == (3, "max_streams")
    assert [step.streams for step in result.steps] == [1, 3]
    assert [len(run.fps[0]) for run in result.runs] == [1, 3], "nothing was measured twice"
    assert (await kept(module_settings, result.benchmark_id)).score == 3


async def test_a_cancelled_search_leaves_what_it_knew(lab: Lab, module_settings: Settings) -> None:
    job_id = await lab.send(density(pipeline("paced", PACED.format(fps=30)), fps_floor=20.0, duration_s=3.0))
    await lab.system.when(job_id, lambda job: "fps keeps 20" in (job.progress.message or ""))
    await lab.system.cancel(job_id, "enough")

    job = await lab.system.ended(job_id)

    assert job.state is JobState.CANCELLED
    result = (await kept(module_settings, job_id)).result
    assert isinstance(result, DensityResult)
    assert (result.n_streams, result.ended) == (1, "cancelled")


async def test_no_passing_number_is_an_answer(lab: Lab) -> None:
    job = await lab.system.ended(await lab.send(density(pipeline("slow", PACED.format(fps=5)), fps_floor=20.0)))
    result = result_of(job)
    assert isinstance(result, DensityResult)
    assert (result.n_streams, result.at_most, result.slowest_fps) == (0, 0, None)


async def test_a_number_for_which_memory_is_too_little_is_a_step(lab: Lab, module_settings: Settings) -> None:
    asked = density(pipeline("hungry", HUNGRY), fps_floor=1.0, max_streams=2)
    job = await lab.system.ended(await lab.send(asked))
    result = result_of(job)
    assert isinstance(result, DensityResult)
    assert (result.n_streams, result.at_most, result.ended) == (1, 1, "found")
    one, two = result.steps
    assert (one.failed, two.judgement) == (None, "misses")
    assert "process was killed" in (two.failed or "")
    assert len(result.runs) == 1
    assert result.trusted
    assert "process was killed" in lab.fetch(job, "report.html").read_text()
    assert (await kept(module_settings, result.benchmark_id)).score == 1


async def test_where_not_even_one_can_be_run_the_cause_is_told(lab: Lab) -> None:
    code, detail = error_of(
        await lab.system.ended(await lab.send(density(pipeline("short", ENDS), fps_floor=1.0)))
    )
    assert (code, "no frame came" in detail) == ("pipeline-failed", True)


async def test_benchmarks_of_one_device_run_one_after_the_other(lab: Lab) -> None:
    second, before = (
        lab.system.start("cpu.long", FRAMELANE_MEASURING__FOREIGN_PERCENT="100"),
        len(lab.worker.lines),
    )
    ids = [
        await lab.send(performance(pipeline(name, PACED.format(fps=20)), repeats=1))
        for name in ("first", "second")
    ]
    jobs = await asyncio.gather(*(lab.system.ended(each) for each in ids))

    assert all(isinstance(result_of(job), PerformanceResult) for job in jobs)
    second.stop()
    said = sorted((*lab.worker.lines[before:], *second.lines), key=lambda line: str(line.get("timestamp")))
    held = [line["event"] for line in said if line["event"] in {"device_taken", "device_given_back"}]
    assert held == ["device_taken", "device_given_back"] * 2


async def test_runs_end_when_the_rate_is_known(lab: Lab) -> None:
    steady = pipeline("steady", PACED.format(fps=40))
    short = {"duration_s": 1.0, "warmup_s": 0.0, "precision": 1.0}
    job = await lab.system.ended(await lab.send(performance(steady, repeats=50, **short)))

    result = result_of(job)
    assert isinstance(result, PerformanceResult)
    assert len(result.runs) == result.total_fps.runs == LEAST_RUNS
    assert result.trusted
