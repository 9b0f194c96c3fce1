"""Files over HTTP, that go on where they broke off."""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path

from shared.errors import JobCancelled, OutOfSpace, SourceUnavailable
from workers.hubs import HubTools, Meter
from workers.hubs.checksum import Checksum, Sum
from workers.hubs.http import Getter, said_by
from workers.hubs.partials import Note, Partial
from workers.hubs.room import Room

_CHUNK = 1 << 17
"""Bytes; small enough to be still in the processor's cache when they are written and summed."""

_LOOK_BYTES = 64 << 20
_TRIES = 5
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)\Z")


class _Broken(Exception):
    """The connection ended before the file did."""


class _Anew(Exception):
    """What there is of the file is of no use."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """``resumed``: its beginning came with an earlier transfer; ``sum``: taken while it came, if it was."""

    resumed: bool
    sum: Sum | None = None


class Transfers:
    """Fetches addresses. Threads share one."""

    def __init__(self, tools: HubTools, trusted: str = "") -> None:
        """``trusted``: as for Getter."""
        self._partials = tools.partials
        self._room = tools.room
        self._getter = Getter(tools.settings, trusted)

    def fetch(
        self, url: str, target: Path, meter: Meter, name: str = "", headers: Mapping[str, str] | None = None
    ) -> Arrived:
        """Write the file to ``target``.

        ``name``: the source's, if the address changes or holds a key. A connection that breaks is made anew as
        long as each brings something. Raises as a hub's fetch does.
        """
        said = name or url
        with self._partials.of(said, lambda: meter.transferred(0, None)) as partial, _dropped_if_unwanted(partial):
            for _ in range(_TRIES):
                before = partial.size
                try:
                    arrived = self._go_on(_Transfer(said, partial, meter, self._room, target), url, headers or {})
                except _Anew:
                    partial.drop()
                except _Broken as error:
                    if partial.size <= before:
                        raise SourceUnavailable(f"{said}: {error}") from error
                else:
                    partial.take(target)
                    return arrived
            raise SourceUnavailable(f"{said}: it broke off {_TRIES} times")

    def _go_on(self, transfer: "_Transfer", url: str, headers: Mapping[str, str]) -> Arrived:
        if transfer.whole:
            return Arrived(resumed=True)
        with self._getter.get(url, {**headers, **transfer.asks()}, transfer.tell) as response:
            transfer.begin(response)
            resumed = transfer.done > 0
            return Arrived(resumed, transfer.read(response))


@contextmanager
def _dropped_if_unwanted(partial: Partial) -> Generator[None]:
    """Nobody goes on with a cancelled transfer, and on a full disk its place is needed."""
    try:
        yield
    except (JobCancelled, OutOfSpace, OSError):
        partial.drop()
        raise


@dataclass
class _Transfer:
    """The way of one answer into the partial file."""

    name: str
    partial: Partial
    meter: Meter
    room: Room
    target: Path
    done: int = 0
    total: int | None = None

    def __post_init__(self) -> None:
        self.done, self._note = self.partial.kept()
        self.total = self._note.total if self._note else None

    @property
    def whole(self) -> bool:
        """Nothing is missing."""
        return self.done > 0 and self.done == self.total

    def tell(self) -> None:
        """How far it is."""
        self.meter.transferred(self.done, self.total)

    def asks(self) -> dict[str, str]:
        """Headers for what is missing, of the very same content."""
        return {"Range": f"bytes={self.done}-", "If-Range": self._note.validator} if self._note else {}

    def begin(self, response: HTTPResponse) -> None:
        """Judge what the answer announces."""
        if response.status == HTTPStatus.PARTIAL_CONTENT and self._note:
            found = _RANGE.match(response.getheader("content-range") or "")
            if not found or (int(found[1]), int(found[2])) != (self.done, self.total or int(found[2])):
                raise _Anew
            self.total = int(found[2])
        elif response.status == HTTPStatus.OK:
            announced = response.getheader("content-length") or ""
            self.done, self.total = 0, int(announced) if announced.isdecimal() else None
            self._note = _note(response, self.total)
        elif response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _Anew
        else:
            raise SourceUnavailable(f"{self.name}: {response.status} {response.reason}")
        if (packed := response.getheader("content-encoding") or "identity") != "identity":
            raise SourceUnavailable(f"{self.name}: it sends the file packed ({packed})")
        self._require_room(max(self.total or 0, self.done))
        self.tell()

    def read(self, response: HTTPResponse) -> Sum:
        """Write what comes; the sha256 of the whole file. Raises _Broken if that isn't all."""
        checksum = Checksum()
        for piece in self._beginning() if self.done else ():
            checksum.add(piece)
        look_at = self.done + _LOOK_BYTES
        with self.partial.begin(self._note, self.done) as file:
            while chunk := _chunk(response):
                self.done += len(chunk)
                if self.done >= look_at or (self.total is None and self.done > self.room.file_bytes):
                    look_at = self.done + _LOOK_BYTES
                    self._require_room(self.done)
                _write(file, chunk)
                checksum.add(chunk)
                self.tell()
        if self.total is not None and self.done != self.total:
            raise _Broken(f"it ended after {self.done} of {self.total} bytes")
        return checksum.sum()

    def _beginning(self) -> Iterator[bytes]:
        left = self.done
        with self.partial.path.open("rb") as file:
            while left > 0 and (piece := file.read(min(_CHUNK, left))):
                yield piece
                left -= len(piece)
                self.tell()

    def _require_room(self, size: int) -> None:
        try:
            self.room.require(self.name, self.target, max(size, self.total or 0), size - self.done)
        except SourceUnavailable:  # it is too large, and so it will be next time
            self.partial.drop()
            raise


def _chunk(response: HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _Broken(said_by(error)) from error


def _write(file: FileIO, chunk: bytes) -> None:
    """All of it: a disk that is almost full takes a part and says so only with the next."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _note(response: HTTPResponse, total: int | None) -> Note | None:
    """What the content can be known by later; a weak tag is no proof that it is the same, byte by byte."""
    tag = response.getheader("etag") or ""
    validator = tag if tag.startswith('"') else response.getheader("last-modified")
    ranges = (response.getheader("accept-ranges") or "bytes").lower()
    return Note(validator=validator, total=total) if validator and ranges != "none" else None
