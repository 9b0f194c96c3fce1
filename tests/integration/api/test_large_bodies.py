"""Large bodies through a real gateway: in the store while they come, and nowhere once they are in vain."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import numpy as np
import pytest
from redis import Redis

from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.msgpacked import packed
from shared.results import InstalledModel
from shared.settings import Settings
from tests.support.gateway import worker
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.polling import eventually

pytestmark = pytest.mark.service

ROWS = 9_000
CONTENT = np.random.default_rng(7).random((ROWS, 63), dtype="<f4").tobytes()
OTHER = np.random.default_rng(8).random((ROWS, 63), dtype="<f4").tobytes()
NOT_FINITE = CONTENT[:-4] + np.float32(np.nan).tobytes()
SPEC = {"kind": "inference", "model": "asl"}
MSGPACK = "application/msgpack"


@pytest.fixture(scope="module")
def gateway(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    beacon = RedisWorkerBeacon(module_settings)
    beacon.announce(worker("cpu"), 600)
    beacon.install(
        InstalledModel(
            name="asl", version="0" * 16, files=[], variants=[], source="test", installed_at="2026-01-01T00:00:00Z"
        )
    )
    beacon.close()
    with gateway_process(module_settings, tmp_path_factory.mktemp("large")) as running:
        yield running


def tensor(**content: Any) -> dict[str, Any]:
    return {"tensor": {"shape": [ROWS, 63], **content}}


def in_msgpack(*contents: bytes, **more: Any) -> dict[str, Any]:
    spec = SPEC | {"inputs": [tensor(data=content) for content in contents]} | more
    return {"content": packed(spec), "headers": {"Content-Type": MSGPACK}}


def as_parts(*contents: bytes, **more: Any) -> dict[str, Any]:
    names = [f"rows-{number}" for number in range(len(contents))]
    spec = json.dumps(SPEC | {"inputs": [tensor(file=name) for name in names]} | more)
    files = {name: (name, content) for name, content in zip(names, contents, strict=True)}
    return {"files": files | {"spec": (None, spec, "application/json")}}


def staged(settings: Settings) -> list[bytes]:
    with Redis.from_url(settings.store_url) as server:
        return list(server.scan_iter(f"{settings.redis.prefix}:staged:*"))


@pytest.mark.parametrize("form", [in_msgpack, as_parts])
@pytest.mark.parametrize("contents", [(CONTENT,), (CONTENT, OTHER)])
@pytest.mark.parametrize(
    ("again", "statuses"), [("by its key", [202, 200, 409]), ("by its id", [202, 200, 409]), ("", [202, 202, 202])]
)
def test_the_worker_gets_what_was_sent(
    again: str,
    statuses: list[int],
    form: Any,
    contents: tuple[bytes, ...],
    gateway: GatewayProcess,
    module_settings: Settings,
):
    path, method = "/api/v1/jobs", "POST"
    key = {"Idempotency-Key": str(uuid4())} if again == "by its key" else {}
    if again == "by its id":
        path, method = f"{path}/{uuid4()}", "PUT"
    answers: list[httpx2.Response] = []
    for sent in (form(*contents), in_msgpack(*contents), in_msgpack(*contents[1:], CONTENT[4:] + OTHER[:4])):
        headers = sent.pop("headers", {}) | key
        answers.append(httpx2.request(method, f"{gateway.url}{path}", headers=headers, timeout=60, **sent))
    assert [answer.status_code for answer in answers] == statuses, answers[-1].text
    eventually(lambda: not staged(module_settings))
    store = RedisAttemptStore(module_settings)
    claim = store.claim(answers[0].json()["id"], "w", 60)
    store.close()
    assert claim is not None
    assert claim.blobs == list(contents)


@pytest.mark.parametrize("form", [in_msgpack, as_parts])
@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ((NOT_FINITE, {}), 422, "finite"),
        ((CONTENT[:-4], {}), 422, "bytes, but shape"),
        ((CONTENT, {"model": "none"}), 422, "model"),
        ((CONTENT, {"device": "NPU"}), 503, "NPU"),
    ],
)
def test_nothing_stays_of_what_is_refused(
    form: Any,
    sent: tuple[bytes, dict[str, Any]],
    status: int,
    said: str,
    gateway: GatewayProcess,
    module_settings: Settings,
):
    content, more = sent
    answer = httpx2.post(f"{gateway.url}/api/v1/jobs", timeout=60, **form(content, **more))
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    eventually(lambda: not staged(module_settings))


def test_nothing_stays_of_who_leaves(gateway: GatewayProcess, module_settings: Settings):
    body = in_msgpack(CONTENT)["content"]
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: {gateway.address}\r\nContent-Type: {MSGPACK}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) * 3 // 4])
        eventually(lambda: staged(module_settings))
    eventually(lambda: not staged(module_settings))
