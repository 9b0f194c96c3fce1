"""Reads megabytes out of a list of Redis, straight to where they are needed.

On their way through redis-py they are copied four times.
"""
# pyright: basic
# redis-py leaves most of its parameters untyped; nothing above this module touches it.

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

import redis

_TOGETHER = 8
"""Items of an answer: those of a few stay in the server's caches."""
_AHEAD = 2
"""Questions that are asked before the first of them is answered."""


def joined_items(connection: Any, key: str, counts: Sequence[int], usual: int) -> list[bytearray]:
    """What the first items of a list are put together, so many each; less, where there are fewer items.

    ``connection``: an open one of redis-py's, which isn't usable after an error. ``usual``: bytes of most items.
    Raises redis-py's errors.
    """
    with _answers(connection) as answers:
        items = _items(connection, answers, key, sum(counts))
        return [_joined(answers, items, count, usual) for count in counts]


@contextmanager
def _answers(connection: Any) -> Iterator[BufferedReader]:
    try:
        with connection._sock.makefile("rb") as answers:  # noqa: SLF001  nothing public gives it
            yield answers
    except TimeoutError as error:
        raise redis.TimeoutError("Timeout reading from socket") from error
    except OSError as error:
        raise redis.ConnectionError(str(error)) from error


def _items(connection: Any, answers: BufferedReader, key: str, count: int) -> Iterator[int]:
    """The size of each item, whose bytes are to be read then."""
    firsts = list(range(0, count, _TOGETHER))
    for first in firsts[:_AHEAD]:
        _ask(connection, key, first, count)
    for number, _ in enumerate(firsts):
        for _ in range(_number(connection, answers, b"*")):
            yield _number(connection, answers, b"$")
        if number + _AHEAD < len(firsts):
            _ask(connection, key, firsts[number + _AHEAD], count)


def _ask(connection: Any, key: str, first: int, count: int) -> None:
    connection.send_command("LRANGE", key, first, min(first + _TOGETHER, count) - 1)


def _number(connection: Any, answers: BufferedReader, kind: bytes) -> int:
    line = answers.readline()
    if line[:1] == kind and line.endswith(b"\r\n"):
        return int(line[1:])
    if line[:1] == b"-":
        raise connection._parser.parse_error(line[1:].decode(errors="replace").strip())  # noqa: SLF001  as it does
    raise redis.ConnectionError("the connection is lost" if not line else "not an answer")


def _joined(answers: BufferedReader, items: Iterator[int], count: int, usual: int) -> bytearray:
    content, end = bytearray(count * usual), 0
    for _ in range(count):
        size = next(items, None)
        if size is None:
            break
        if end + size > len(content):
            content += bytes(end + size - len(content))
        with memoryview(content) as whole:
            _fill(answers, whole[end : end + size])
        end += size
    del content[end:]
    return content


def _fill(answers: BufferedReader, part: memoryview) -> None:
    with part:
        if answers.readinto(part) < len(part) or answers.read(2) != b"\r\n":
            raise redis.ConnectionError("the connection is lost")
