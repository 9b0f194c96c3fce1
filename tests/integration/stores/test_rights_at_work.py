"""A day's work by a gateway and workers with the rights of their users, of which nothing may be refused."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
import redis
from pydantic import SecretStr

from client.sdk import Framelane
from deploy.redis_acl import ROLES, lines
from shared.access import Role
from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.redis_jobs.staging import STAGED_BYTES
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.catalogue import SHIPPED
from shared.msgpacked import packed
from shared.new_keys import NewKey
from shared.sessions import FrameResult
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.models import install_into
from tests.support.pipelines import ENDLESS, needs_gstreamer
from tests.support.processes import LIMIT_S, System, WorkerProcess
from tests.support.secured import valkey_with_users

pytestmark = [pytest.mark.service, pytest.mark.models]

PASSWORDS = {role: secrets.token_urlsafe(24) for role in (*ROLES, "admin")}
PREFIX = "work"
ADMIN = secrets.token_urlsafe(36)
LINKS = secrets.token_urlsafe(36)
POINT = {"x": 0.4, "y": 0.6, "z": 0.1}
SPEC = {"kind": "inference", "model": "vgt", "device": "CPU"}


class House:
    """A gateway that asks who calls and answers when a job is on disk, and workers of the lanes of a CPU."""

    def __init__(self, port: int, gateway: GatewayProcess, system: System) -> None:
        self.port = port
        self.gateway = gateway
        self.system = system
        with Framelane(gateway.url, key=ADMIN) as boss:
            asked = NewKey.model_validate({"name": "caller", "role": Role.OPERATOR, "limits": {"rate": 10_000}})
            self.token = boss.create_key(asked).token

    def refused(self) -> list[dict[str, object]]:
        """What was refused to somebody so far."""
        with redis.Redis.from_url(url(self.port, "admin")) as client:
            return client.acl_log()


def url(port: int, role: str) -> str:
    return f"redis://{role}:{PASSWORDS[role]}@127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("work")
    acl = lines(PREFIX, PASSWORDS)
    with valkey_with_users(tmp_path_factory.mktemp("acl"), acl, PASSWORDS["admin"]) as port:
        patient = RedisSettings(prefix=PREFIX, answer_s=5, connect_timeout_s=5)
        gateway = Settings(REDIS_URL=url(port, "gateway"), redis=patient)
        beacon = RedisWorkerBeacon(Settings(REDIS_URL=url(port, "worker"), redis=patient))
        install_into(
            LocalArtifactStore(folder / "artifacts", LinkSigner(SecretStr(LINKS))), beacon, ("vgt", "lstm")
        )
        beacon.close()
        system = System(gateway, folder, SHIPPED)
        system.env |= {"REDIS_URL": url(port, "worker"), "FRAMELANE_ARTIFACTS__LINK_KEY": LINKS}
        asks = {
            "FRAMELANE_AUTH__MODE": "keys",
            "FRAMELANE_AUTH__ADMIN_KEY": ADMIN,
            "FRAMELANE_REDIS__DURABILITY": "synced",
            "FRAMELANE_ARTIFACTS__LINK_KEY": LINKS,
        }
        try:
            system.workers += [WorkerProcess(system.env, "--lane", lane) for lane in ("cpu", "cpu.long")]
            with gateway_process(gateway, folder, environment=asks) as serving:
                for worker in system.workers:
                    worker.says("worker_ready")
                yield House(port, serving, system)
        finally:
            system.close()


@pytest.fixture
def client(house: House) -> Iterator[Framelane]:
    with Framelane(house.gateway.url, key=house.token) as made:
        yield made
    assert house.refused() == []


def test_a_job_with_inputs_that_are_staged(client: Framelane, house: House):
    rows = STAGED_BYTES // (63 * 4) + 1_000
    data = np.random.default_rng(7).random((rows, 63), dtype="<f4").tobytes()
    assert len(data) > STAGED_BYTES
    spec = {**SPEC, "inputs": [{"tensor": {"shape": [rows, 63], "data": data}}]}
    headers = {"Authorization": f"Bearer {house.token}", "Content-Type": "application/msgpack"}
    with httpx2.Client(base_url=house.gateway.url, headers=headers, timeout=LIMIT_S, trust_env=False) as raw:
        key, content = {"Idempotency-Key": "once"}, packed(spec)
        answers = [raw.post("/api/v1/jobs", content=content, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200], answers[0].text
    job = client.wait(answers[0].json()["id"], LIMIT_S)
    assert job.state is JobState.COMPLETED, job
    followed = list(client.follow(job.id, after_seq=0))
    assert followed
    client.delete(job.id)


def test_small_ones_run_together_and_are_listed(client: Framelane):
    spec = {**SPEC, "inputs": [{"landmarks": [POINT] * 21}]}
    jobs = [client.submit(spec) for _ in range(20)]
    assert {client.wait(job.id, LIMIT_S).state for job in jobs} == {JobState.COMPLETED}
    assert client.predict("vgt", landmarks=[POINT] * 21).prediction
    assert len(list(client.jobs(state="COMPLETED", page=7))) >= 20


def test_a_live_session(client: Framelane):
    with client.session("lstm", record=True) as live:
        live.send(moment={"left_hand": [POINT] * 21})
        assert isinstance(live.receive(LIMIT_S), FrameResult)
        live.reset()
        assert live.receive(LIMIT_S) is not None


@needs_gstreamer()
def test_a_pipeline_is_cancelled_and_tried_again(client: Framelane):
    described = {"source": "description", "pipeline_description": ENDLESS}
    job = client.submit({"kind": "pipeline", "device": "CPU", "pipeline": described, "max_runtime_s": 1})
    again = client.submit({"kind": "pipeline", "device": "CPU", "pipeline": described, "priority": 0})
    client.cancel(again.id)
    assert client.wait(again.id, LIMIT_S).state is JobState.CANCELLED
    assert client.wait(job.id, LIMIT_S).state is JobState.COMPLETED
    retried = client.retry(again.id)
    client.cancel(retried.id)
    assert client.wait(retried.id, LIMIT_S).state is JobState.CANCELLED


def test_the_probe_finds_workers_sound_and_they_end_well(house: House):
    env = os.environ | house.system.env | {"FRAMELANE_WORKER__LANE": "cpu"}
    done = subprocess.run([sys.executable, "-m", "workers.checkup"], env=env, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"ok\n"), done.stderr
    for worker in house.system.workers:
        worker.send(signal.SIGTERM)
    assert [worker.wait() for worker in house.system.workers] == [0, 0]
    assert house.refused() == []
