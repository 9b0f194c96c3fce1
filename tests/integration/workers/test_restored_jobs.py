"""What a backup knew as waiting or running is run by a real worker, once, after everything was lost."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from client.local.backup import Backups
from client.local.embedded import EmbeddedValkey
from client.local.runfile import AlreadyRunning, DataDirLock
from shared.adapters.redis_jobs import RedisJobStore
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from tests.support.jobs import new_job
from tests.support.kept import raw, wipe

pytestmark = pytest.mark.service

PATIENT = {
    "FRAMELANE_WORKER__LEASE_S": "60",
    "FRAMELANE_WORKER__RENEW_S": "5",
    "FRAMELANE_WORKER__HEARTBEAT_S": "5",
}
"""A worker that is slow isn't taken for a dead one."""


def framelane(*words: str, **env: str) -> Result:
    nowhere = {"REDIS_URL": None, "FRAMELANE_REDIS__URL": None}
    return CliRunner().invoke(app, words, env=nowhere | env)


async def times_completed(settings: Settings, job_id: str) -> int:
    store = RedisJobStore(settings)
    events = [json.loads(each) for each in await store.events(job_id, 0)]
    await store.close()
    return Counter(each.get("state") for each in events)["COMPLETED"]


async def test_each_ends_once(system, gate, tmp_path: Path):
    place, first = str(tmp_path / "backup"), system.start(**PATIENT)
    running = await system.submit("gated")
    await asyncio.to_thread(gate.wait_entered)
    await system.when(running, lambda job: job.state is JobState.RUNNING)
    waiting = [await system.submit("gated", lane="io") for _ in range(3)]
    cancelled = await system.submit("gated")
    await system.cancel(cancelled, "why")

    done = await asyncio.to_thread(framelane, "backup", place, "--json", **system.env)
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)["jobs"]
    # A worker runs two at a time.
    assert (told["RUNNING"] + told["PENDING"], told["CANCELLED"]) == (4, 1)

    refused = await asyncio.to_thread(framelane, "restore", place, "--force", **system.env)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "stop every gateway and worker" in refused.stderr.replace("\n", " ")
    first.kill()
    wipe(system.settings)
    gate.opened.set()

    done = await asyncio.to_thread(framelane, "restore", place, **system.env)
    assert done.exit_code == 0, done.stderr
    assert "1 CANCELLED" in done.stdout
    second = system.start(**PATIENT)
    for job_id in (running, *waiting):
        job = await system.ended(job_id)
        assert job.state is JobState.COMPLETED, job.outcome
        assert [one.error.code for one in job.attempts if one.error] in (["worker-left"], [])
        assert job.attempts[-1].worker == second.lives[0]
        assert job.attempt == 0, "none of its attempts was used up"
        assert await times_completed(system.settings, job_id) == 1
    assert (await system.ended(cancelled)).state is JobState.CANCELLED
    assert second.stop() == 0
    assert {"leases", "outbox", "pending:io"} & raw(system.settings).keys() == set()


async def test_the_system_of_a_folder_is_copied_while_it_does_not_run(tmp_path: Path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "artifacts").mkdir(parents=True)
    with EmbeddedValkey(here / "valkey") as server:
        front = RedisJobStore(Settings(REDIS_URL=server.url, redis=RedisSettings(answer_s=5, connect_timeout_s=5)))
        job = (await front.create(new_job())).record
        await front.close()
    taken = DataDirLock(here)
    taken.take()
    with pytest.raises(AlreadyRunning):
        Backups({}, here).make(str(tmp_path / "backup"))
    taken.release()

    def commands() -> list[Result]:
        return [
            framelane("backup", str(tmp_path / "backup"), "--data-dir", str(here)),
            framelane("restore", str(tmp_path / "backup"), "--data-dir", str(there)),
            framelane("backup", str(tmp_path / "backup"), "--no-artifacts", "--data-dir", str(there)),
            framelane("backup", str(tmp_path / "x"), "--data-dir", str(tmp_path / "nothing")),
        ]

    made, restored, again, nothing = await asyncio.to_thread(commands)
    assert "jobs: 1 PENDING" in made.stdout, made.stderr
    assert "jobs: 1 PENDING" in restored.stdout, restored.stderr
    assert (again.exit_code, "isn't empty" in again.stderr) == (2, True)
    assert (nothing.exit_code, "REDIS_URL" in nothing.stderr) == (2, True)
    assert not (tmp_path / "nothing").exists()
    with EmbeddedValkey(there / "valkey") as server:
        front = RedisJobStore(Settings(REDIS_URL=server.url, redis=RedisSettings(answer_s=5, connect_timeout_s=5)))
        assert await front.get(job.id) == job
        await front.close()


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    url = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    done = framelane("backup", str(tmp_path / "file"), "--no-artifacts", **url)
    assert (done.exit_code, str(tmp_path / "file") in done.stderr.replace("\n", "")) == (2, True)
    done = framelane("backup", str(tmp_path / "new"), "--no-artifacts", **url)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert list((tmp_path / "new").iterdir()) == []


def test_no_folder_of_files_is_a_mistake(tmp_path: Path):
    files = {"FRAMELANE_ARTIFACTS__DIRECTORY": str(tmp_path / "nothing")}
    done = framelane("backup", str(tmp_path / "new"), REDIS_URL="redis://127.0.0.1:1/0", **files)
    assert (done.exit_code, "FRAMELANE_ARTIFACTS__DIRECTORY" in done.stderr) == (2, True)
    assert not (tmp_path / "new").exists()
