"""What strangers put into the queues, on a real Valkey: nothing of it runs, and the worker works on."""

import base64
import gzip
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from shared.adapters.celery_messages import LARGEST, fault_of
from shared.adapters.kombu_redis import REJECTED, REJECTED_KEPT
from shared.routing import Route
from shared.states import JobState
from tests.support.polling import eventually
from tests.support.processes import System

pytestmark = pytest.mark.service


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def ours(system: System) -> dict[str, Any]:
    """A message as it should be."""
    envelope = system.queue.envelope(Route("framelane.model_download", "io", 5), str(uuid.uuid4()), {})
    assert envelope is not None
    assert fault_of(envelope.body) is None
    return json.loads(envelope.body)


def changed(message: dict[str, Any], body: bytes | None = None, **changes: Any) -> bytes:
    """``changes`` of headers; of the message itself with their name in capitals; ``body`` not yet in base64."""
    outer = {name.lower().replace("_", "-"): value for name, value in changes.items() if name.isupper()}
    inner = {name: value for name, value in changes.items() if not name.isupper()}
    made = {**message, "headers": {**message["headers"], **inner}, **outer}
    if body is not None:
        made["body"] = base64.b64encode(body).decode()
    return json.dumps(made).encode()


def said(args: Any, kwargs: Any = None, **after: Any) -> bytes:
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([args, {} if kwargs is None else kwargs, {**nothing, **after}]).encode()


def hostile(system: System, marker: Path) -> list[bytes]:
    good, job_id = ours(system), str(uuid.uuid4())
    evil = pickle.dumps(Evil(marker))
    evil_yaml = (
        f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{marker}']]".encode()
    )
    call = {"task": "framelane.model_download", "args": [job_id], "kwargs": {}, "options": {}}
    delivery = {"exchange": "", "routing_key": "io"}
    return [
        changed(good, evil, CONTENT_TYPE="application/x-python-serialize", CONTENT_ENCODING="binary"),
        changed(good, evil),
        changed(good, evil_yaml, CONTENT_TYPE="application/x-yaml"),
        changed(good, yaml.safe_dump([[job_id], {}, {}]).encode(), CONTENT_TYPE="application/x-yaml"),
        changed(good, gzip.compress(b"0" * 50_000_000), compression="application/x-gzip"),
        changed(good, said([job_id], chain=[call])),
        changed(good, said([job_id], callbacks=[call])),
        changed(good, said([])),
        changed(good, said([7])),
        changed(good, said([None])),
        changed(good, said(["a:blobs"])),
        changed(good, said(["../../x"])),
        changed(good, said({"0": job_id})),
        changed(good, said([job_id], {"job_id": "another"})),
        changed(good, said(["no place"]), task="framelane.batch"),
        changed(good, b"[" * 40_000),
        changed(good, b"not json"),
        changed(good, task="os.system"),
        changed(good, task=["framelane.model_download"]),
        changed(good, eta="2036-01-01T00:00:00Z"),
        changed(good, expires="yesterday"),
        changed(good, BODY="not base64!"),
        changed(good, BODY=None),
        changed(good, PROPERTIES={}),
        changed(good, PROPERTIES={"delivery_tag": 1, "body_encoding": "base64", "delivery_info": delivery}),
        changed(good, PROPERTIES={"delivery_tag": "t", "body_encoding": "rot13", "delivery_info": delivery}),
        changed(good, HEADERS=None),
        json.dumps({"task": "framelane.model_download", "id": job_id, "args": [job_id], "kwargs": {}}).encode(),
        changed(good, said([job_id, "x" * LARGEST])),
        b"[" * 60_000,
        b"null",
        b"",
        evil,
        b"\xff\xfe\x00",
    ]


async def test_none_of_them_runs_and_the_worker_goes_on(system: System, gate, tmp_path: Path):
    worker = system.start()
    marker = tmp_path / "ran"
    messages = hostile(system, marker)
    prefix = f"{system.settings.redis.prefix}:broker:"
    with redis.Redis.from_url(system.settings.store_url) as client:
        for number, message in enumerate(messages):
            client.lpush(f"{prefix}io" + ("" if number % 2 else "\x06\x163"), message)
        for junk in (
            b"not json",
            b"[" * 60_000,
            b"{}",
            pickle.dumps(Evil(marker)),
            json.dumps({"body": 1}).encode(),
        ):
            heard = client.publish(f"{prefix}/0.celery.pidbox", junk)
            assert heard, "all workers listen there"
        total = len(messages) + 5
        eventually(lambda: int(client.get(f"{prefix}{REJECTED}_total") or 0) >= total)
        kept = [json.loads(each) for each in client.lrange(f"{prefix}{REJECTED}", 0, -1)]

        gate.opened.set()
        job = await system.ended(await system.submit("gated"))
        assert job.state is JobState.COMPLETED
        assert len(worker.lives) == 1, "and in the same process"
        assert not marker.exists()
        assert int(client.get(f"{prefix}{REJECTED}_total") or 0) == total
        assert sum(each["queue"] == "io" for each in kept) == len(messages)
        assert all(each["reason"] and each["at"] and len(each["beginning"]) < 20_000 for each in kept)

        assert (rejected := system.queue.rejected(3)).total == total
        assert [each.reason for each in rejected.newest] == [each["reason"] for each in kept[:3]]
    lines = [line for line in worker.lines if line["event"] == "message_rejected"]
    assert len(lines) == total
    assert "pickle" not in json.dumps(worker.lines), "nothing of what they say is logged"


async def test_no_more_are_kept_than_the_newest(system: System):
    system.start()
    prefix = f"{system.settings.redis.prefix}:broker:"
    with redis.Redis.from_url(system.settings.store_url) as client:
        client.lpush(f"{prefix}io", *(f"junk {n}" for n in range(REJECTED_KEPT + 50)))
        eventually(lambda: int(client.get(f"{prefix}{REJECTED}_total") or 0) == REJECTED_KEPT + 50)
        assert client.llen(f"{prefix}{REJECTED}") == REJECTED_KEPT
    newest = system.queue.rejected(1).newest[0]
    assert (newest.beginning, newest.queue, newest.bytes) == (f"junk {REJECTED_KEPT + 49}", "io", 8)
