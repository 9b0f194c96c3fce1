"""Our processes with no more rights than they need, and over TLS."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import redis

from deploy.redis_acl import ROLES, lines, main
from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_audit import RedisAuditLog
from shared.adapters.redis_jobs import RedisJobStore
from shared.errors import StoreUnavailable
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from tests.integration.workers.conftest import Gate, gated_system
from tests.support.gateway_process import gateway_process
from tests.support.https import have_openssl, make_certificate
from tests.support.polling import eventually
from tests.support.secured import tls_before, valkey_with_users

pytestmark = pytest.mark.service

PASSWORDS = {role: secrets.token_urlsafe(24) for role in (*ROLES, "admin")}
PREFIX = "rights"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with valkey_with_users(tmp_path_factory.mktemp("acl"), lines(PREFIX, PASSWORDS), PASSWORDS["admin"]) as port:
        yield port


def url(port: int, role: str) -> str:
    return f"redis://{role}:{PASSWORDS[role]}@127.0.0.1:{port}/0"


def settings_of(port: int, role: str) -> Settings:
    return Settings(REDIS_URL=url(port, role), redis=RedisSettings(prefix=PREFIX, answer_s=5, connect_timeout_s=5))


def denied(port: int) -> list[dict[str, object]]:
    """What was refused to somebody so far."""
    with redis.Redis.from_url(url(port, "admin")) as client:
        return client.acl_log()


async def asked_by_flower(port: int, env: dict[str, str]) -> str:
    """Who answers it, and how deep a queue is."""
    code = (
        "from celery.app.control import Inspect; from shared.adapters.celery_queue import make_celery, CeleryJobQueue;"
        "from shared.settings import Settings; s = Settings(); app = make_celery(s);"
        "print(sorted(app.control.inspect(timeout=2).ping() or {})); print(CeleryJobQueue(s).depth('io'))"
    )
    command, env = [sys.executable, "-c", code], {**env, "REDIS_URL": url(port, "flower")}
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def test_a_job_goes_its_way(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gate = Gate()
    gate.opened.set()
    gateway = settings_of(port, "gateway")
    with gateway_process(gateway, tmp_path) as serving, httpx2.Client(base_url=serving.url) as client:
        for system in gated_system(gateway, gate, tmp_path, monkeypatch):
            system.env["REDIS_URL"] = url(port, "worker")
            worker = system.start(FRAMELANE_BROKER__EVENTS="true")
            job = await system.ended(await system.submit("gated"))
            assert job.state is JobState.COMPLETED, job.outcome
            for path in (
                "/api/v1/status",
                "/api/v1/jobs",
                "/api/v1/devices",
                "/api/v1/models",
                "/api/v1/pipelines",
            ):
                assert client.get(path).status_code == 200, path
            assert client.get("/api/v1/messages/rejected").json()["total"] == 0
            assert client.delete(f"/api/v1/jobs/{job.id}").status_code == 204
            eventually(lambda: client.get("/api/v1/audit").json()["entries"])
            told = await asked_by_flower(port, system.env)
            assert worker.lives[0] in told
            assert told.endswith("0\n")
            assert worker.stop() == 0
    assert denied(port) == []


@pytest.mark.parametrize(
    ("role", "command"),
    [
        *((role, command) for role in ("gateway", "worker", "flower", "scaler") for command in (
            "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET dir /tmp", "KEYS *", "SHUTDOWN", "SAVE",
            "MODULE LIST", "ACL LIST", "MONITOR", "SLAVEOF localhost 1", "SCRIPT FLUSH", "FUNCTION LIST", "GET other:key",
            "SET other:key 1", "PUBLISH other:channel x", "CLIENT KILL TYPE normal", "EVAL return(redis.call('get','x')) 0",
        )),
        ("gateway", f"DEL {PREFIX}:audit"),
        ("gateway", f"XDEL {PREFIX}:audit 1-1"),
        ("gateway", f"RENAME {PREFIX}:audit {PREFIX}:x"),
        ("worker", f"XADD {PREFIX}:audit * e x"),
        ("worker", f"XREVRANGE {PREFIX}:audit + -"),
        ("worker", f"HGETALL {PREFIX}:keys"),
        ("flower", f"HGETALL {PREFIX}:job:1"),
        ("flower", f"LPUSH {PREFIX}:broker:cpu x"),
        ("flower", f"LRANGE {PREFIX}:broker:cpu 0 -1"),
        ("scaler", f"ZADD {PREFIX}:pending:cpu 1 x"),
        ("scaler", f"ZRANGE {PREFIX}:pending:cpu 0 -1"),
        ("scaler", f"ZCARD {PREFIX}:index"),
        ("scaler", f"HGETALL {PREFIX}:job:1"),
        ("backup", "FLUSHALL"),
        ("backup", "CONFIG GET *"),
        ("backup", "GET other:key"),
    ],
)  # fmt: skip
def test_what_a_role_can_not_do(port: int, role: str, command: str):
    with (
        redis.Redis.from_url(url(port, role)) as client,
        pytest.raises(redis.ResponseError, match=r"NOPERM|permission"),
    ):
        client.execute_command(*command.split(" "))
    with redis.Redis.from_url(url(port, "admin")) as client:
        client.acl_log_reset()


def test_what_starts_workers_counts_those_that_wait(port: int):
    counting = (  # as KEDA asks
        "local kind = redis.call('type', KEYS[1]).ok "
        "return redis.call(({zset = 'zcard', list = 'llen', none = 'llen'})[kind], KEYS[1])"
    )
    waiting = f"{PREFIX}:pending:gpu"
    with (
        redis.Redis.from_url(url(port, "gateway")) as gateway,
        redis.Redis.from_url(url(port, "scaler")) as scaler,
    ):
        scaler.select(0)
        assert scaler.eval(counting, 1, waiting) == 0
        gateway.zadd(waiting, {"a": 1, "b": 2})
        assert scaler.eval(counting, 1, waiting) == 2
        gateway.delete(waiting)
    assert denied(port) == []


def test_nobody_without_a_name(port: int):
    with redis.Redis("127.0.0.1", port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_file_is_made_with_its_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    kept = tmp_path / "passwords.json"
    assert main(["--passwords", str(kept)]) == 0
    first = capsys.readouterr().out
    made = json.loads(kept.read_text())
    assert kept.stat().st_mode & 0o077 == 0
    assert set(made) == set(ROLES)
    assert not any(password in first for password in made.values())
    assert main(["--passwords", str(kept)]) == 0
    assert capsys.readouterr().out == first
    for prefix, passwords in (("a*", made), ("x", made | {"worker": "short"})):
        with pytest.raises(ValueError, match=r"prefix|characters"):
            lines(prefix, passwords)


@pytest.mark.skipif(not have_openssl(), reason="openssl isn't installed, so no certificate can be made")
async def test_stores_events_and_queues_go_over_tls(port: int, tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    with tls_before(port, certificate, key) as safe:
        there = url(safe, "gateway").replace("redis://", "rediss://")
        trusting = RedisSettings(prefix=PREFIX, answer_s=5, connect_timeout_s=5, ca=certificate)
        ours = trusting.model_copy(update={"cert": certificate, "key": key})
        settings = Settings(REDIS_URL=there, redis=ours)
        audit, queue = RedisAuditLog(settings), CeleryJobQueue(settings)
        assert await audit.newest(1) is not None
        queue.ping()
        queue.close()
        await audit.close()
        for wrong in (RedisSettings(prefix=PREFIX), trusting):
            store = RedisJobStore(Settings(REDIS_URL=there, redis=wrong))
            with pytest.raises(StoreUnavailable):
                await store.get("x")
            await store.close()
