"""Plain jobs over real sockets: what is taken before everything else is answered as what isn't."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from api.shortcut import Shortcut
from shared.access import KeyLimits, Role
from tests.support.access import ASKS, asking, bearer, key_for
from tests.support.gateway import SPEC, House, StartedServer, serving

BODY = json.dumps(SPEC).encode()
JOBS = "/api/v1/jobs"
HEAD = f"POST {JOBS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n".encode()
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@asynccontextmanager
async def connected(
    server: StartedServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = server.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    status, *lines = head.split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which requests took the shortcut."""
    taken: list[str] = []
    way_of = Shortcut.way_of

    def noting(self: Shortcut, scope: dict[str, str]) -> object:
        way = way_of(self, scope)
        if way is not None:
            taken.append(way.operation)
        return way

    monkeypatch.setattr(Shortcut, "way_of", noting)
    return taken


async def test_both_ways_have_the_same_headers(house: House, short: list[str]) -> None:
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        plain = {"Content-Type": "application/json", "X-Request-ID": "mine"}
        answers = [
            await client.post(JOBS, content=BODY, headers={**plain, **more})
            for more in ({}, {"Idempotency-Key": "k"})
        ]
    assert short == ["submit_job"]
    own = {"location", "content-length"}
    first, second = ({name: each.headers[name] for name in each.headers if name not in own} for each in answers)
    assert first == second
    assert first["x-request-id"] == "mine"
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json()["links"]["self"] == answers[0].headers["location"]


async def test_one_after_the_other_on_one_connection(house: House, short: list[str]) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        writer.write(WHOLE * 3)  # all before the first is answered
        ids = {json.loads((await answered(reader))[2])["id"] for _ in range(3)}
        writer.write(WHOLE)
        ids.add(json.loads((await answered(reader))[2])["id"])
    assert ids == set(house.kept)
    assert len(short) == len(ids) == 4


async def test_in_pieces(house: House, short: list[str]) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        for at in range(0, len(WHOLE), 200):
            writer.write(WHOLE[at : at + 200])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answered(reader))[0] == 202
    assert short == ["submit_job"]


async def test_a_connection_that_shall_close_does(house: House, short: list[str]) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        writer.write(WHOLE.replace(b"Host:", b"Connection: close\r\nHost:"))
        status, headers, _ = await answered(reader)
        assert (status, headers["connection"]) == (202, "close")
        assert await reader.read() == b""
    assert short == ["submit_job"]


@pytest.mark.parametrize(
    "more",
    [b"Expect: 100-continue\r\n", b"Origin: http://127.0.0.1\r\n", b"Accept: a\r\nAccept: b\r\n"],
    ids=["waits to be told", "a page", "a header twice"],
)
async def test_what_is_out_of_the_ordinary_goes_the_long_way(house: House, short: list[str], more: bytes) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        writer.write(WHOLE.replace(b"Host:", more + b"Host:"))
        if b"Expect" in more:
            await reader.readuntil(b"100 Continue\r\n\r\n")
        assert (await answered(reader))[0] == 202
    assert short == []


async def test_a_body_without_a_length_goes_the_long_way(house: House, short: list[str]) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")
        assert (await answered(reader))[0] == 202
    assert short == []


async def test_a_strangers_host_is_refused(house: House, short: list[str]) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        writer.write(WHOLE.replace(b"Host: 127.0.0.1", b"Host: example.com"))
        status, _, body = await answered(reader)
    assert (status, json.loads(body)["type"]) == (403, "urn:framelane:error:forbidden-host")
    assert short == []
    assert house.kept == []


async def test_a_fault_of_ours_says_nothing_of_it(
    house: House, short: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(house) as server, connected(server) as (reader, writer):
        monkeypatch.setattr(server.gateway.submitter, "accept", None)
        writer.write(WHOLE)
        status, headers, body = await answered(reader)
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert headers["x-request-id"] in json.loads(body)["detail"]
    assert short == ["submit_job"]


async def test_who_is_known_takes_it_and_nobody_else(short: list[str]) -> None:
    house = asking(ASKS.model_copy(update={"recheck_s": 60.0}))
    may, may_not = await key_for(house, Role.SUBMITTER), await key_for(house, Role.VIEWER)
    counted = await key_for(house, Role.SUBMITTER, limits=KeyLimits(rate=5))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:

        async def told(key: str | None) -> tuple[int, int]:
            before = len(short)
            said = {} if key is None else bearer(key)
            answer = await client.post(JOBS, content=BODY, headers={"Content-Type": "application/json", **said})
            assert ("ratelimit" in answer.headers) == (key == counted)
            return answer.status_code, len(short) - before

        # A gateway remembers from the first call on whom a key is of.
        assert [await told(may) for _ in range(3)] == [(202, 0), (202, 1), (202, 1)]
        assert await told(None) == (401, 0)
        assert await told(may + "x") == (401, 0)
        assert [await told(may_not) for _ in range(2)] == [(403, 0)] * 2
        assert [await told(counted) for _ in range(2)] == [(202, 0)] * 2
