"""A body over the limit is answered, also to a client that sends all of it before it reads."""

import socket
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.support.gateway_process import gateway_process

pytestmark = pytest.mark.service

LIMIT = 1_000_000


def exchange(port: int, head: str, body: bytes) -> bytes:
    """Everything sent first; then everything that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("chunked", [False, True])
def test_the_answer_reaches_who_sends_before_reading(chunked: bool, settings: Settings, tmp_path: Path) -> None:
    body = b"a" * (LIMIT + 700_000)
    head = "POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    if chunked:
        head += "Transfer-Encoding: chunked\r\n\r\n"
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    else:
        head += f"Content-Length: {len(body)}\r\n\r\n"
    with gateway_process(settings, tmp_path, environment={"FRAMELANE_LIMITS__BODY_BYTES": str(LIMIT)}) as gateway:
        answer = exchange(gateway.port, head, body)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"urn:framelane:error:body-too-large" in answer
