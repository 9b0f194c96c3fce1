"""Requests that no library would send, on bare sockets: each has an answer or a closed connection, and soon."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.settings import LimitSettings, Settings
from tests.support.gateway import House, StartedServer, serving

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
LIMITS = LimitSettings(header_s=0.4, body_s=0.4, header_bytes=8_192, headers=40)


@pytest.fixture
async def server() -> AsyncIterator[StartedServer]:
    async with serving(House(settings=Settings(limits=LIMITS))) as server:
        yield server


@asynccontextmanager
async def connected(server: StartedServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = server.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
    try:
        yield reader, writer
    finally:
        writer.close()


async def all_of(reader: asyncio.StreamReader, within_s: float = 10.0) -> bytes:
    """Everything until the other side hangs up."""
    async with asyncio.timeout(within_s):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def answer(server: StartedServer, request: bytes) -> bytes:
    async with connected(server) as (reader, writer):
        writer.write(request)
        return await all_of(reader)


def statuses(answers: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


POST = b"POST /api/v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /api/v1/devices HTTP/1.1\r\n" + HOST + b"\r\n"


AMBIGUOUS = [
    POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
    POST + b"Content-Length: 4, 5\r\n\r\n",
    POST + b"Content-Length: +4\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 0x4\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    POST + b"Transfer-Encoding : chunked\r\n\r\n",
    POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    POST + b"Bad Header: x\r\n\r\n",
    POST + b"X: a\x00b\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


async def test_what_can_be_read_in_two_ways_is_refused(server: StartedServer):
    for head in AMBIGUOUS:
        said = await answer(server, head + b"0\r\n\r\n" + SMUGGLED)
        assert statuses(said) in ([400], []), head
        assert b"devices" not in said


async def test_a_head_has_a_size(server: StartedServer):
    for head in (
        GET + b"X: " + b"a" * 10_000 + b"\r\n\r\n",
        GET + b"X: " + b"a" * 10_000,
        GET + b"".join(b"X-%d: a\r\n" % n for n in range(50)) + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    ):
        said = await answer(server, head)
        assert statuses(said) == [431], head[:80]
        assert b"urn:framelane:error:headers-too-large" in said
    assert statuses(await answer(server, LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == [200]


async def test_a_head_that_does_not_come_is_not_waited_for(server: StartedServer):
    """Slow loris: a byte now and then keeps no connection open."""

    async def dribble(head: bytes) -> None:
        async with connected(server) as (reader, writer):
            began = time.monotonic()
            writer.write(head)
            reading = asyncio.create_task(all_of(reader))
            while head and not reading.done():
                writer.write(b"X")
                await asyncio.wait([reading], timeout=0.05)
            assert statuses(await reading) == ([408] if head else [])
            assert 0.3 < time.monotonic() - began < 5

    await asyncio.gather(*map(dribble, (b"", b"GET /", GET, POST)))


async def test_nor_a_second_one_on_the_same_connection(server: StartedServer):
    async with connected(server) as (reader, writer):
        writer.write(LIVE + b"GET / HT")
        assert statuses(await all_of(reader)) == [200, 408]


async def test_nor_a_body(server: StartedServer):
    async def dribble(framing: bytes, more: bytes) -> None:
        async with connected(server) as (reader, writer):
            writer.write(POST + framing)
            reading = asyncio.create_task(all_of(reader))
            while not reading.done():
                writer.write(more)
                await asyncio.wait([reading], timeout=0.05)
            assert statuses(await reading) == [408]

    await asyncio.gather(
        dribble(b"Content-Length: 1000000\r\n\r\n{", b" "),
        dribble(b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    )


async def test_a_slow_client_that_sends_something_has_its_time(server: StartedServer):
    body = b'{"kind": "inference"' + b" " * 8_000 + b"}"
    async with connected(server) as (reader, writer):
        writer.write(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 1_200):
            writer.write(body[at : at + 1_200])
            await writer.drain()
            await asyncio.sleep(0.1)
        assert statuses(await all_of(reader)) == [422]


async def test_chunks_of_a_few_bytes_are_refused_long_before_the_limit(server: StartedServer):
    began = time.monotonic()
    said = await answer(server, POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 600_000)
    assert statuses(said) in ([400], [])
    assert time.monotonic() - began < 5


async def test_an_endless_extension_of_a_chunk_is_refused(server: StartedServer):
    said = await answer(server, POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 3_000_000)
    assert statuses(said) in ([400], [])


async def test_many_pipelined_requests_are_answered_one_by_one(server: StartedServer):
    async with connected(server) as (reader, writer):
        writer.write(LIVE * 200 + LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(await all_of(reader)) == [200] * 201


async def test_others_are_served_meanwhile(server: StartedServer):
    async with connected(server) as (_, first), connected(server) as (_, second):
        first.write(GET)
        second.write(POST + b"Content-Length: 1000000\r\n\r\n{")
        said = await answer(server, LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(said) == [200]


DEEP = 100_000


DOCUMENTS = [
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP,
    b'{"kind":"inference","labels":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'{"kind":"pipeline","pipeline":{"graph":{"nodes":' + b"[" * DEEP + b"]" * DEEP + b"}}}",
]


async def test_a_deep_document_is_a_problem_of_its_sender(server: StartedServer):
    for path in (b"/api/v1/jobs", b"/api/v1/pipelines", b"/api/v1/gestures/asl/predict"):
        head = (
            b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nConnection: close\r\n"
        )
        for document in DOCUMENTS:
            said = await answer(server, head + b"Content-Length: %d\r\n\r\n" % len(document) + document)
            assert statuses(said)[0] in {400, 422}, (path, document[:50])
            assert b"application/problem+json" in said
            assert len(said) < 4_000
