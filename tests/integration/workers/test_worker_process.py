"""Workers as they are run: processes on a real Valkey, through Celery."""

import asyncio
import hashlib
import signal
import subprocess
import sys

import pytest
import redis

from client.local.embedded import EmbeddedValkey
from shared.jobs import Cancelled, Failed
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from tests.integration.workers.conftest import CONTENT, gated_system
from tests.support.processes import TRACE

pytestmark = pytest.mark.service


def files_of(system):
    """Everything in the artifact store."""
    objects = system.folder / "artifacts" / "objects"
    return sorted(str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file())


def scratch_of(system):
    """And beginnings of files that nobody can go on from."""
    folders = [system.folder / "data" / name for name in ("scratch", "partial")]
    return [path for each in folders for path in each.rglob("*") if path.is_file() and path.suffix != ".lock"]


async def test_a_download_installs_a_model_for_everyone(system, gate):
    worker = system.start()
    gate.opened.set()
    job = await system.ended(await system.submit("gated"))
    assert job.state is JobState.COMPLETED
    workers, models = await system.directory()
    assert [(one.lane, one.pid, one.queues) for one in workers] == [("io", worker.child, ["io"])]
    assert models["gated"] == job.outcome.result.models[0]
    assert models["gated"].files[0].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert files_of(system) == [f"models/gated/{models['gated'].version}/gated.bin"]
    assert scratch_of(system) == []
    said = worker.says("model_installed")
    assert (said["process"], said["job_id"], said["lane"]) == ("worker:io", job.id, "io")
    ended = worker.says("attempt_ended", job_id=job.id)
    for line in (said, ended):
        assert (line["request_id"], line["traceparent"]) == (f"asked-{job.id}", TRACE)
    assert worker.stop() == 0
    assert (await system.directory())[0] == []


async def test_another_worker_finishes_the_job_of_a_killed_one(system, gate):
    first = system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    await system.when(job_id, lambda job: job.progress.stage == "download")
    first.kill()
    assert scratch_of(system) != []
    gate.opened.set()
    second = system.start()
    job = await system.ended(job_id)
    assert job.state is JobState.COMPLETED
    assert [(one.number, one.error and one.error.code) for one in job.attempts] == [(0, "lost"), (1, None)]
    assert [one.worker for one in job.attempts] == [*first.lives, *second.lives]
    assert scratch_of(system) == [], "what the killed one left is swept"


async def test_a_worker_told_to_stop_ends_its_job_first(system, gate):
    worker = system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    worker.send(signal.SIGTERM)
    worker.says("worker_leaves")
    later = await system.submit("gated")
    gate.opened.set()
    assert (await system.ended(job_id)).state is JobState.COMPLETED
    assert worker.wait() == 0
    system.start()
    assert (await system.ended(later)).state is JobState.COMPLETED, "what it didn't take is there for others"


async def test_a_worker_that_leaves_gives_long_work_to_another(system, gate):
    first = system.start(FRAMELANE_WORKER__DRAIN_S="0.2", FRAMELANE_WORKER__LEASE_S="600")
    job_id = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    first.send(signal.SIGTERM)
    first.says("jobs_given_back")
    gate.opened.set()
    assert first.wait() == 0
    system.start()
    job = await system.ended(job_id)
    assert job.state is JobState.COMPLETED
    assert [one.error and one.error.code for one in job.attempts] == ["worker-left", None]


async def test_work_that_does_not_stop_when_cancelled_is_settled_without_it(system, gate):
    """The download waits inside a read for longer than a caller wants to wait."""
    system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    await system.when(job_id, lambda job: job.state is JobState.RUNNING)
    await system.cancel(job_id, "changed my mind")
    job = await system.ended(job_id)
    assert job.outcome == Cancelled(reason="changed my mind")
    assert files_of(system) == []


async def test_a_job_over_its_time_fails(system, gate):
    system.start()
    job = await system.ended(await system.submit("gated", timeout_s=0.5))
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "timeout"
    assert (await system.directory())[1] == {}


async def test_a_message_that_comes_again_runs_nothing(system, gate):
    worker = system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    for _ in range(3):
        system.send(job_id)
    worker.says("nothing_to_run")
    gate.opened.set()
    job = await system.ended(job_id)
    assert (job.state, len(job.attempts), job.fence) == (JobState.COMPLETED, 1, 1)


async def test_a_task_that_this_worker_does_not_know_is_left_for_others(system, gate):
    worker = system.start()
    system.send("from-the-future", task="framelane.hologram")
    worker.says("unknown_task_left_alone", task="framelane.hologram")
    gate.opened.set()
    assert (await system.ended(await system.submit("gated"))).state is JobState.COMPLETED
    assert worker.stop() == 0
    with redis.Redis.from_url(system.settings.store_url) as client:
        keys = client.scan_iter(f"{system.settings.redis.prefix}:broker:io*")
        waiting = [message for key in keys for message in client.lrange(key, 0, -1)]
    assert len(waiting) == 1
    assert b"framelane.hologram" in waiting[0]


async def test_a_job_outlives_a_restart_of_the_store(tmp_path, gate, monkeypatch):
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        settings = Settings(REDIS_URL=valkey.url, redis=RedisSettings(prefix="restarted"))
        for system in gated_system(settings, gate, tmp_path, monkeypatch):
            worker = system.start(FRAMELANE_WORKER__LEASE_S="30")
            job_id = await system.submit("gated")
            await asyncio.to_thread(gate.wait_entered)
            valkey.stop()
            worker.says("lease_not_renewed")
            gate.opened.set()
            worker.says("store_awaited")
            valkey.start()
            job = await system.ended(job_id)
            assert job.state is JobState.COMPLETED
            assert {one.error.code for one in job.attempts if one.error} <= {"store-unavailable"}
            # Celery's connection has come back too.
            assert (await system.ended(await system.submit("gated"))).state is JobState.COMPLETED
            assert not [line for line in worker.lines if "emergency_state_file" in line], "nothing left in /tmp"


def test_a_lane_whose_device_is_missing_refuses_to_start(system):
    done = subprocess.run(
        [sys.executable, "-m", "workers.main", "--lane", "npu"],
        env={**system.env, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 0:
        pytest.skip("this machine has an NPU")
    assert done.returncode == 78
    assert b"there is no NPU here" in done.stderr
    assert b"--lane cpu" in done.stderr


def test_a_lane_that_is_none_refuses_to_start(system):
    done = subprocess.run(
        [sys.executable, "-m", "workers.main", "--lane", "turbo"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 78
    assert b"unknown lane 'turbo'" in done.stderr


def test_an_io_worker_loads_no_model_library():
    code = (
        "import sys, workers.child, workers.handlers.model_download;"
        "print(sorted({'torch', 'mediapipe', 'openvino', 'cv2', 'numpy', 'gi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
