"""Suites on a real worker of a long lane, with the GStreamer of this machine."""

import os
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.benchmarks import DensityResult, SuiteResult
from shared.catalogue import SHIPPED
from shared.packing import DensityTask, PerformanceTask, SuiteTask, SuiteTaskTest
from shared.ports import NewJob
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
from tests.support.pipeline_lab import Lab
from tests.support.pipelines import needs_gstreamer
from tests.support.processes import LIMIT_S, System

pytestmark = [pytest.mark.service, needs_gstreamer()]


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
    print(*[(l["timestamp"][14:23], l["event"]) for l in lab.worker.lines], sep="\n")
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


async def test_a_cancelled_suite_leaves_the_tests_that_ended(lab: Lab, module_settings: Settings) -> None:
    parts = [
        part(name, performance(pipeline("paced", PACED.format(fps=20)), duration_s=1.0, repeats=1), 10.0)
        for name in ("one", "two")
    ]
    job_id = await lab.send(suite(*parts))
    await lab.system.when(job_id, lambda job: (job.progress.message or "").startswith("one: "))
    await lab.system.when(job_id, lambda job: "two: " in (job.progress.message or ""))
    await lab.system.cancel(job_id, "enough")
    assert (await lab.system.ended(job_id)).state is JobState.CANCELLED
    result = (await kept(module_settings, job_id)).result
    assert isinstance(result, SuiteResult)
    assert [test.error and test.error.code for test in result.tests] == [None, "cancelled"]
    assert (result.score, result.missing) == (None, ["two"])
