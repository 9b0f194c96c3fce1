"""Suites, and other jobs beside measurements, on real workers with the GStreamer of this machine."""

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

import pytest

from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.benchmarks import DensityResult, OptimizeResult, PerformanceResult, SuiteResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed, JobRecord
from shared.packing import (
    DensityTask,
    InferenceTask,
    OptimizeTask,
    PackedInput,
    PerformanceTask,
    SuiteTask,
    SuiteTaskTest,
    floats,
)
from shared.ports import NewJob
from shared.routing import task_name
from shared.settings import Settings
from shared.states import JobState
from tests.integration.workers.test_measurements import (
    ENDS,
    PACED,
    density,
    kept,
    performance,
    pipeline,
    result_of,
)
from tests.support.models import install_into
from tests.support.pipeline_lab import Lab
from tests.support.pipelines import needs_gstreamer
from tests.support.processes import LIMIT_S, System
from workers.measuring.forms import ORIGINAL

pytestmark = [pytest.mark.service, pytest.mark.models, needs_gstreamer()]


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    yield Lab(system, FRAMELANE_MEASURING__FOREIGN_PERCENT="100", FRAMELANE_MEASURING__LEASE_S="2")
    system.close()


def suite(*tests: SuiteTaskTest) -> NewJob:
    asked = SuiteTask(name="Gate", tests=list(tests))
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


def part(name: str, new: NewJob, reference: float, weight: float = 1.0) -> SuiteTaskTest:
    assert isinstance(new.task, PerformanceTask | DensityTask)
    return SuiteTaskTest(name=name, weight=weight, reference=reference, task=new.task)


async def test_a_killed_suite_keeps_its_tests_and_steps(lab: Lab, module_settings: Settings) -> None:
    rate = performance(pipeline("paced", PACED.format(fps=20)), duration_s=1.0, repeats=1, name="Gate: rate")
    broken = performance(pipeline("short", ENDS), duration_s=1.0)
    search = density(pipeline("paced", PACED.format(fps=30)), fps_floor=20.0, max_streams=3)
    parts = (part("rate", rate, 10.0, 2.0), part("broken", broken, 10.0), part("search", search, 6.0))
    job_id = await lab.send(suite(*parts))
    job = await lab.system.when(job_id, lambda job: "fps keeps 20" in (job.progress.message or ""))
    assert (job.progress.message or "").startswith("broken failed; search: ")

    before = await kept(module_settings, f"{job_id}.1")
    os.kill(lab.worker.child, signal.SIGKILL)

    job = await lab.system.ended(job_id, 2 * LIMIT_S)

    assert len(job.attempts) == 2
    result = result_of(job)
    assert isinstance(result, SuiteResult)
    first, second, third = result.tests
    assert first.figure == pytest.approx(20, rel=0.15)
    assert first.ratio == pytest.approx((first.figure or 0) / 10)
    assert (first.benchmark_id, third.benchmark_id) == (f"{job_id}.1", f"{job_id}.3")
    assert second.error is not None
    assert (second.error.code, second.figure) == ("pipeline-failed", None)
    assert (third.figure, third.low, third.high) == (3, 3, None), "more weren't tried"
    assert (result.score, result.missing) == (None, ["broken"])

    child = await kept(module_settings, f"{job_id}.1")
    assert child == before, "it wasn't measured twice"
    assert (child.name, child.parent, child.job_id) == ("Gate: rate", job_id, job_id)
    steps = (await kept(module_settings, f"{job_id}.3")).result
    assert isinstance(steps, DensityResult)
    assert [len(run.fps[0]) for run in steps.runs] == [1, 3], "nothing was measured twice"
    whole = await kept(module_settings, job_id)
    assert (whole.score, whole.unit, whole.pipelines) == (None, "points", ["paced", "short"])
    assert "no score" in lab.fetch(job, "report.html").read_text()


async def test_a_fast_job_waits_for_a_suite_and_a_cancelled_one_leaves_what_ended(
    lab: Lab, module_settings: Settings
) -> None:
    install_into(lab.artifacts, beacon := RedisWorkerBeacon(module_settings), ["asl"])
    beacon.close()
    lab.system.start("cpu")
    one = performance(pipeline("paced", PACED.format(fps=20)), duration_s=1.0, repeats=1)
    two = performance(pipeline("paced", PACED.format(fps=20)), duration_s=60.0, repeats=1)
    job_id = await lab.send(suite(part("one", one, 10.0), part("two", two, 10.0)))
    await lab.system.when(job_id, lambda job: "one: run" in (job.progress.message or ""))
    fast_id = await fast(lab, module_settings)
    await lab.system.when(job_id, lambda job: "two: run" in (job.progress.message or ""))
    await lab.system.when(fast_id, lambda job: job.state is JobState.PENDING)
    await lab.system.cancel(job_id, "enough")

    job, waited = await lab.system.ended(job_id), await lab.system.ended(fast_id)

    assert job.state is JobState.CANCELLED
    result = (await kept(module_settings, job_id)).result
    assert isinstance(result, SuiteResult)
    assert [test.error and test.error.code for test in result.tests] == [None, "cancelled"]
    assert (result.score, result.missing) == (None, ["two"])
    assert isinstance(waited.outcome, Completed), waited.outcome
    assert len(waited.attempts) == 1
    assert waited.started_at is not None
    held = [line for line in lab.worker.lines if line["event"] == "device_given_back"]
    assert waited.started_at >= datetime.fromisoformat(held[-1]["timestamp"])


async def fast(lab: Lab, settings: Settings) -> str:
    """A hand for a model, on the fast lane of the same device."""
    task = InferenceTask(model="asl", inputs=[PackedInput(kind="landmarks", blob=0, rows=1)])
    new = NewJob(id=str(uuid4()), task=task, lane="cpu", fingerprint="-", blobs=[floats(range(63))])
    store = RedisJobStore(settings)
    await store.create(new)
    await asyncio.to_thread(lab.system.send, new.id, "cpu", task_name("inference"))
    await store.published(new.id)
    await store.close()
    return new.id


async def test_a_killed_search_for_the_fastest_form_goes_on_with_what_it_measured(
    lab: Lab, module_settings: Settings
) -> None:
    search = {"duration_s": 10.0, "sample_s": 1.0, "space": {"streams_per_process": [1]}}
    paced = pipeline("paced", PACED.format(fps=20), streams=2)
    asked = OptimizeTask.model_validate({"pipeline": paced, "warmup_s": 0.2, "repeats": 2, "search": search})
    job_id = await lab.send(NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-"))
    await lab.system.when(
        job_id, lambda job: "alone: streams-per-process" in (job.progress.message or ""), 2 * LIMIT_S
    )
    os.kill(lab.worker.child, signal.SIGKILL)
    heard: set[str] = set()

    def ended(job: JobRecord) -> bool:
        heard.add((job.progress.message or "").partition(";")[0])
        return job.outcome is not None

    job = await lab.system.when(job_id, ended, 2 * LIMIT_S)

    assert len(job.attempts) == 2
    result = result_of(job)
    assert isinstance(result, OptimizeResult)
    assert [each.changes for each in result.candidates] == [{}, {"streams-per-process": "1"}]
    assert "turn 2 of 2" in " ".join(heard)
    known = {f"{step}: {ORIGINAL}" for step in ("check", "alone")}
    assert not known & heard, "nothing was measured twice"


async def test_live_sources_tell_latencies_and_what_came_too_late(lab: Lab) -> None:
    live = (
        "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=20/1 ! identity sleep-time={us} ! "
    )
    sink = "fakesink name=default_output_sink sync=true max-lateness={ns}"
    pipelines = [
        pipeline("kept", live.format(us=2_000) + sink.format(ns=-1), latency_metrics=True),
        pipeline("late", live.format(us=0) + sink.format(ns=1_000_000) + " ts-offset=-200000000"),
    ]
    job = await lab.system.ended(await lab.send(performance(*pipelines, duration_s=2.0, repeats=1)))
    result = result_of(job)
    assert isinstance(result, PerformanceResult)
    ((kept_up,), (late,)) = (each.streams for each in result.pipelines)
    assert [each.fps.median for each in (kept_up, late)] == pytest.approx([20, 20], rel=0.3)
    assert late.latency is None
    # One frame a second is shown however late it is; a window is as long as the rates were steady.
    assert late.dropped > 20 * sum(run.window_s for run in result.runs) / 2
    assert kept_up.dropped == 0
    latency = kept_up.latency
    assert latency is not None
    assert latency.p50_ms is not None
    assert latency.p99_ms is not None
    assert 2 <= latency.min_ms <= latency.p50_ms <= latency.p99_ms <= latency.max_ms
