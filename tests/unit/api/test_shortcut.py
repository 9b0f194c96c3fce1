"""The short way for plain questions and jobs answers, and refuses, word for word as the long one."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from shared.access import KeyLimits, Role
from shared.settings import Settings
from tests.support.access import asking, bearer, key_for
from tests.support.gateway import HAND, SPEC, House, serving

JOBS, PREDICT = "/api/v1/jobs", "/api/v1/gestures/asl/predict"
JSON = {"Content-Type": "application/json"}
HANDS = {"landmarks": HAND}

CASES: dict[str, tuple[str, Any, Mapping[str, str]]] = {
    "a job": (JOBS, SPEC, JSON),
    "that is waited for": (JOBS, SPEC, {**JSON, "Prefer": "wait=5"}),
    "with a bad wish": (JOBS, SPEC, {**JSON, "Prefer": "wait=soon"}),
    "of an unknown kind": (JOBS, {"kind": "cake"}, JSON),
    "of an unknown model": (JOBS, SPEC | {"model": "none"}, JSON),
    "for a lane that nobody serves": (JOBS, SPEC | {"device": "NPU"}, JSON),
    "that only operators may make": (JOBS, {"kind": "model_download", "models": ["asl"]}, JSON),
    "without an end": (JOBS, b'{"kind": ', JSON),
    "that is no text": (JOBS, b"\xff\xfe", JSON),
    "that is nothing": (JOBS, b"", JSON),
    "in another form": (JOBS, b"<job/>", {"Content-Type": "application/xml"}),
    "with a request id": (JOBS, SPEC, {**JSON, "X-Request-ID": "mine"}),
    "with a request id of two lines": (JOBS, SPEC, {**JSON, "X-Request-ID": "mine\tyours"}),
    "behind a proxy": (JOBS, SPEC, {**JSON, "X-Forwarded-Host": "other.example"}),
    "from a listed page": (JOBS, SPEC, {**JSON, "Origin": "https://app.example"}),
    "from another page": (JOBS, SPEC, {**JSON, "Origin": "https://evil.example"}),
    "of another host": (JOBS, SPEC, {**JSON, "Host": "evil.example"}),
    "of two hosts": (JOBS, SPEC, {**JSON, "Host": "a@b"}),
    "with a last word": (JOBS, SPEC, {**JSON, "Connection": "close"}),
    "a question": (PREDICT, HANDS, JSON),
    "of no hand": (PREDICT, {}, JSON),
    "of half a hand": (PREDICT, {"landmarks": HAND[:3]}, JSON),
    "of another model": (PREDICT.replace("asl", "none"), HANDS, JSON),
    "with choices": (f"{PREDICT}?top_k=2", HANDS, JSON),
    "with wrong choices": (f"{PREDICT}?top_k=no", HANDS, JSON),
    "with odd bytes": (PREDICT, b"123", {"Content-Type": "application/octet-stream"}),
}
VARYING = frozenset({"date", "x-request-id", "content-length", "vary"})  # answers to POST are never kept
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}")
NUMBERS = re.compile(r"(?<=;r=)\d+;t=\d+|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=_ms\":)[\d.]+")


async def ask(address: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, without what differs from one time to the next."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": address, "Connection": "close", "Content-Length": str(len(sent)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + sent)
    answered = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    top, _, text = answered.decode().partition("\r\n\r\n")
    status, *rest = top.split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in rest)
    assert len(named) == len(rest), "no header comes twice"
    kept = {
        name: NUMBERS.sub("a number", IDS.sub("an id", value))
        for name, value in named.items()
        if name not in VARYING
    }
    kept["x-request-id"] = "mine" if named["x-request-id"] == "mine" else "a new one"
    return int(status.split()[1]), kept, NUMBERS.sub("a number", IDS.sub("an id", text.replace(address, "here")))


async def answering(house: House) -> None:
    """Play a worker."""
    while True:
        if (message := await asyncio.to_thread(house.queue.take, "cpu", 0.05)) is not None:
            house.finish(message.job_id)


async def both(house: House, monkeypatch: pytest.MonkeyPatch, headers: Mapping[str, str]) -> set[int]:
    """All statuses of the cases, asked on the short and on the long way."""
    statuses: set[int] = set()
    worker = asyncio.create_task(answering(house))
    async with serving(house) as short:
        monkeypatch.setattr("api.main.Shortcut", lambda *_: None)
        async with serving(house) as long:
            for name, (path, body, said) in CASES.items():
                answers = [
                    await ask(each.address, path, body, {**headers, **said})
                    for each in (short, long, short)  # the caller is known by the second time
                ]
                normal = [
                    (status, {k: v.replace(each.address, "here") for k, v in kept.items()}, text)
                    for each, (status, kept, text) in zip((short, long, short), answers, strict=True)
                ]
                assert normal[0] == normal[1], name
                assert normal[2] == normal[1], name
                statuses.add(normal[1][0])
    worker.cancel()
    return statuses


WEB = {"origins": ["https://app.example"]}


async def test_where_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(Settings.model_validate({"web": WEB}))
    assert await both(house, monkeypatch, {}) >= {200, 202, 400, 403, 404, 415, 422}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUBMITTER, Role.OPERATOR])
async def test_by_a_key(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    house = asking(web=WEB)
    statuses = await both(house, monkeypatch, bearer(await key_for(house, role)))
    assert (202 in statuses) is (role is not Role.VIEWER)


async def test_with_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    house = asking(web=WEB)
    limits = KeyLimits(rate=10_000)
    assert 202 in await both(house, monkeypatch, bearer(await key_for(house, Role.SUBMITTER, limits=limits)))


@pytest.mark.parametrize(
    "said", [{}, bearer("fl_none"), {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}]
)
async def test_by_nobody(said: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert await both(asking(web=WEB), monkeypatch, said) <= {401, 403}
