import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.streams import Forwarder


class Pipe:
    """A source that a test writes to, and a target that it reads."""

    def __init__(self) -> None:
        self.source, self.feed = os.pipe()
        self.seen, self.target = os.pipe2(os.O_NONBLOCK)
        os.set_blocking(self.target, True)
        self.lines: list[str] = []
        self.forwarder = Forwarder(self.source, self.target, self.lines.append)

    def write(self, text: bytes) -> None:
        os.write(self.feed, text)
        self.forwarder.forward()

    def end(self) -> None:
        os.close(self.feed)
        self.feed = -1
        self.forwarder.forward()

    def passed(self) -> bytes:
        try:
            return os.read(self.seen, 1_000_000)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for descriptor in (self.source, self.feed, self.seen, self.target):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_line_goes_on_when_it_is_whole(pipe: Pipe):
    pipe.write(b"one\ntw")
    assert pipe.passed() == b"one\n"
    pipe.write(b"o\n")
    assert pipe.passed() == b"two\n"
    assert pipe.lines == ["one", "two"]


def test_the_last_line_needs_no_newline(pipe: Pipe):
    pipe.write(b"words that were cut o")
    assert pipe.passed() == b""
    pipe.end()
    assert pipe.forwarder.ended
    assert pipe.passed() == b"words that were cut o"
    assert pipe.lines == ["words that were cut o"]


def test_nobody_who_listens_is_no_reason_to_stop(pipe: Pipe):
    os.close(pipe.seen)
    pipe.seen = -1
    pipe.write(b"one\n")
    pipe.write(b"two\n")
    assert pipe.lines == ["one", "two"]


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=20))
def test_every_byte_comes_through_in_order(pieces: list[bytes]):
    pipe = Pipe()
    try:
        for piece in pieces:
            pipe.write(piece)
        pipe.end()
        assert pipe.passed() == b"".join(pieces)
    finally:
        pipe.close()
