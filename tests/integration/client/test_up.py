"""`framelane up` as a process: ready, repaired, refused, stopped. No models are needed."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from client.local import LocalStack, RunFile, StackFailed
from client.local.embedded import EmbeddedValkey
from client.local.lanes import default_lanes
from client.local.runfile import DataDirLock
from client.sdk import ApiProblem, Framelane
from shared.events import Snapshot, StateChanged
from shared.specs import ModelDownloadSpec
from shared.states import TERMINAL
from tests.support.polling import eventually
from tests.support.stacks import own_environ

pytestmark = pytest.mark.service

WITHIN_S = 60.0
UP = [str(Path(sys.executable).with_name("framelane")), "up"]


class Up:
    """The running command, what it said and the processes it started."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.log: list[str] = []
        self._fresh = threading.Condition()
        self._ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert process.stdout
        line = process.stdout.readline()
        assert line, self.log
        self.ready = json.loads(line)
        self.children = psutil.Process(process.pid).children(recursive=True)

    @property
    def url(self) -> str:
        return self.ready["url"]

    def await_log(self, *words: str) -> str:
        def found() -> str | None:
            return next((line for line in self.log if all(word in line for word in words)), None)

        with self._fresh:
            assert self._fresh.wait_for(lambda: found() or self._ended, WITHIN_S)
            line = found()
            assert line, self.log
            return line

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)

    def orphans(self) -> list[psutil.Process]:
        return psutil.wait_procs(self.children, timeout=30)[1]

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._fresh:
                self.log.append(line.rstrip())
                self._fresh.notify_all()
        with self._fresh:
            self._ended = True
            self._fresh.notify_all()


@contextmanager
def running(data_dir: Path, *options: str, **environ: str) -> Iterator[Up]:
    command = [*UP, "--data-dir", str(data_dir), "--json", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own_environ() | environ
    ) as process:
        up = Up(process, data_dir)
        try:
            yield up
        finally:
            process.kill()
            up.reader.join(WITHIN_S)  # before what it reads is closed


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests that leave it running."""
    with running(tmp_path_factory.mktemp("up") / "data") as up:
        yield up
        up.end(signal.SIGTERM)


def restarted(up: Up, name: str) -> int:
    """Kill a part hard; the process id of the one that took its place."""
    before = RunFile.read(up.data_dir).pids[name]
    up.log.clear()
    os.kill(before, signal.SIGKILL)
    up.await_log("framelane", name, "killed by signal 9", "again")
    return eventually(lambda: _other(RunFile.read(up.data_dir), name, before))


def _other(running: RunFile | None, name: str, before: int) -> int | None:
    pid = running.pids.get(name) if running else None
    return None if pid == before else pid


def test_ready_means_that_everything_answers(up: Up):
    assert up.url.startswith("http://127.0.0.1:")
    assert set(up.ready["pids"]) == {"valkey", "gateway", *default_lanes(own_environ())}
    assert httpx2.get(f"{up.url}/health/ready").is_success
    with Framelane(up.url) as client:
        # The processes we start are wardens; those that work are their children, in the same sessions.
        assert {worker.lane: os.getsid(worker.pid) for worker in client.workers()} == {
            lane: up.ready["pids"][lane] for lane in default_lanes(own_environ())
        }


def test_every_line_of_the_log_says_who_spoke(up: Up):
    up.await_log("framelane | ready: ")
    assert {line.split("|")[0].strip() for line in up.log} >= {
        "gateway",
        *default_lanes(own_environ()),
        "framelane",
    }
    assert all("|" in line for line in up.log)


def test_only_the_owner_reads_the_key_that_signs_links_and_no_command_line_has_it(up: Up):
    key = (up.data_dir / "link.key").read_text()
    assert stat.S_IMODE((up.data_dir / "link.key").stat().st_mode) == 0o600
    for process in up.children:
        assert key not in " ".join(process.cmdline())
    assert not any(key in line for line in up.log)


def test_nothing_listens_beyond_this_machine(up: Up):
    listening = [
        connection.laddr.ip
        for process in up.children
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_second_one_on_the_same_directory_is_refused(up: Up):
    second = subprocess.run(
        [*UP, "--data-dir", str(up.data_dir)],
        check=False,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env=own_environ(),
    )
    assert second.returncode == 2
    assert f"already runs on {up.data_dir}: process {up.process.pid}, {up.url}" in second.stderr.replace("\n", "")
    assert "Traceback" not in second.stderr
    assert httpx2.get(f"{up.url}/health/ready").is_success


def test_a_worker_that_is_killed_is_started_again_and_takes_jobs(up: Up):
    pid = restarted(up, "io")
    up.await_log("io", "ready")
    with Framelane(up.url) as client:
        job = client.submit(ModelDownloadSpec(models=["asl"]))
        told = client.follow(job.id, after_seq=0)
        worker = next(news.worker for news in told if isinstance(news, StateChanged) and news.worker)
        # The one that was killed may still be listed.
        assert [os.getsid(each.pid) for each in client.workers() if each.id == worker] == [pid]
        client.cancel(job.id)
        assert client.wait(job.id, WITHIN_S).terminal


def test_a_follower_does_not_notice_a_gateway_that_is_killed(up: Up):
    with Framelane(up.url, patience_s=60) as client:
        job = client.submit(ModelDownloadSpec(models=["asl"], force=True))
        seqs: list[int] = []
        for news in client.follow(job.id):
            seqs.append(news.seq)
            if isinstance(news, Snapshot):
                os.kill(RunFile.read(up.data_dir).pids["gateway"], signal.SIGKILL)
            elif len(seqs) == 2:
                with suppress(ApiProblem):  # it may have ended by itself meanwhile
                    client.cancel(job.id)
        # Of progress, what is told again after a gap is the newest only.
        assert seqs == sorted(set(seqs))
        assert isinstance(news, StateChanged)
        assert news.state in TERMINAL
        assert client.get(job.id).terminal


@pytest.mark.parametrize(
    ("number", "lanes"), [(signal.SIGINT, default_lanes(own_environ())), (signal.SIGTERM, ("io",))]
)
def test_a_signal_stops_everything_in_order_and_leaves_nobody(
    tmp_path: Path, number: signal.Signals, lanes: tuple[str, ...]
):
    with running(tmp_path / "data", "--lanes", ",".join(lanes)) as up:
        assert up.end(number) == 0
        assert up.orphans() == []
        up.await_log("valkey stopped")
        stopped = [line.split("|")[1].split()[0] for line in up.log if line.endswith(" stopped")]
        assert stopped[0] == "gateway"
        assert sorted(stopped[1:-1]) == sorted(lanes)
        assert stopped[-1] == "valkey"
        assert RunFile.read(up.data_dir) is None


def test_nobody_outlives_a_supervisor_that_is_killed_and_the_directory_is_free(tmp_path: Path):
    with running(tmp_path / "data") as up:
        up.end(signal.SIGKILL)
        assert up.orphans() == []
    assert RunFile.read(tmp_path / "data"), "nobody could remove it"
    with running(tmp_path / "data", "--lanes", "io") as again:
        assert set(again.ready["pids"]) == {"valkey", "gateway", "io"}


def test_a_part_that_cannot_live_stops_everything_with_its_words(tmp_path: Path):
    environ = own_environ() | {"FRAMELANE_WORKER__CATALOGUE": str(tmp_path / "nowhere.yaml")}
    stack = LocalStack(tmp_path, lanes=("io",), environ=environ)
    with pytest.raises(StackFailed, match=r"(?s)ended with status [13].*nowhere\.yaml"):
        stack.start()
    assert stack.pids() == {}
    DataDirLock(tmp_path).take()  # doesn't raise: the directory is free again


def test_a_redis_and_artifacts_of_ones_own_replace_what_is_embedded(tmp_path: Path, valkey: EmbeddedValkey):
    environ = own_environ() | {
        "REDIS_URL": valkey.url,
        "FRAMELANE_REDIS__PREFIX": "elsewhere",
        "FRAMELANE_ARTIFACTS__DIRECTORY": str(tmp_path / "files"),
    }
    with LocalStack(tmp_path / "data", lanes=("io",), environ=environ) as stack:
        assert set(stack.pids()) == {"gateway", "io"}
        assert stack.redis_url == valkey.url
        assert httpx2.get(f"{stack.url}/health/ready").json()["checks"]
    assert (tmp_path / "files").is_dir()
    assert not (tmp_path / "data" / "valkey").exists()


def test_flower_sees_the_workers_and_wants_the_login_that_was_made(tmp_path: Path):
    # Not the default prefix: Flower must be told it like the workers are.
    environ = {"FRAMELANE_REDIS__PREFIX": "elsewhere"}
    with running(tmp_path / "data", "--lanes", "io", "--flower", **environ) as up:
        flower = up.ready["flower"]
        login = (flower["user"], flower["password"])
        assert eventually(lambda: _status(flower["url"] + "/workers"), WITHIN_S) == 401
        assert httpx2.get(flower["url"] + "/api/workers").status_code == 401
        assert httpx2.get(flower["url"] + "/workers", auth=login).is_success
        assert httpx2.get(flower["url"] + "/api/workers", auth=(flower["user"], "guess")).status_code == 401
        known = eventually(lambda: _watched_by(flower["url"], login), WITHIN_S)
        with Framelane(up.url) as client:
            (worker,) = client.workers()
        (name,) = known
        assert worker.id in name
        assert [queue["name"] for queue in known[name]["active_queues"]] == ["io"]
        job = httpx2.post(f"{up.url}/api/v1/jobs", json={"kind": "sweep"}).json()["id"]
        task = eventually(lambda: _task(flower["url"], login, job), WITHIN_S)
        assert (task["name"], task["kwargs"]) == ("framelane.sweep", "sweep")
        assert not [line for line in up.log if "celery.accumulate" in line]
        assert not any(flower["password"] in " ".join(process.cmdline()) for process in up.children)
        assert up.end(signal.SIGINT) == 0
        assert up.orphans() == []


def _watched_by(flower: str, login: tuple[str, str]) -> dict[str, Any] | None:
    """Flower's workers, asked anew; None while it hasn't heard of what they are asked by then."""
    answer = httpx2.get(f"{flower}/api/workers", params={"refresh": "1"}, auth=login, timeout=20)
    known: dict[str, Any] = answer.raise_for_status().json()
    return known if known and all("active_queues" in each for each in known.values()) else None


def _task(flower: str, login: tuple[str, str], job: str) -> dict[str, Any] | None:
    """What Flower shows of a job; None before it was told."""
    tasks: dict[str, Any] = httpx2.get(f"{flower}/api/tasks", auth=login).raise_for_status().json()
    shown = tasks.get(job)
    return shown if shown and shown["name"] else None


def _status(url: str) -> int | None:
    """None while nobody listens."""
    try:
        return httpx2.get(url).status_code
    except httpx2.ConnectError:
        return None


def test_gateway_of_several_processes(tmp_path: Path):
    with running(tmp_path / "data", "--lanes", "io", "--gateway-workers", "2") as several:
        gateway = psutil.Process(several.ready["pids"]["gateway"])
        assert len(gateway.children()) == 2
        assert httpx2.get(f"{several.url}/health/ready").is_success
        assert several.end(signal.SIGTERM) == 0
        assert several.orphans() == []
