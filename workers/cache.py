"""Folders of files from the artifact store, kept on this machine until the room is needed.

``<directory>/<name>/<version>`` holds the files; beside it lie two lock files. Whoever uses a version holds a
shared lock on ``.<version>.use``, whose time says when it was last wanted; whoever removes it an exclusive one:
so what any process of the machine uses stays. With ``.<version>.fetch`` one process fetches, and others wait.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from shared.errors import ChecksumMismatch
from shared.ports import ArtifactStore
from shared.results import InstalledFile

_USE, _FETCH = ".use", ".fetch"
_CHUNK = 1 << 20

LIMIT = 32 << 30
"""Bytes."""

log = structlog.stdlib.get_logger()


class Pin:
    """Something on the disk is in use for as long as this object lives."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        """``number``: of an open file that holds the lock."""
        self._number = number

    def __del__(self) -> None:
        os.close(self._number)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One version, and the keys of its files in the artifact store."""

    name: str
    version: str
    files: Sequence[InstalledFile]
    key: Callable[[str], str]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Cache:
    """Versions on this machine, the least recently wanted removed first. Processes may share ``directory``.

    ``limit`` in bytes; a version that is larger than that, or used, is kept all the same.
    """

    def __init__(self, directory: Path, artifacts: ArtifactStore, limit: int) -> None:
        self._directory = directory
        self._artifacts = artifacts
        self._limit = limit
        self._checked: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def ensure(self, wanted: Wanted) -> tuple[Path, Pin]:
        """The folder with all files, checked against their sha256 once per process; it stays as long as the pin.

        Raises ArtifactNotFound, ChecksumMismatch, OutOfSpace and StoreUnavailable.
        """
        path = self._directory / wanted.name / wanted.version
        path.parent.mkdir(parents=True, exist_ok=True)
        pin = _pinned(_beside(path, _USE))
        if not self._is_whole(path, wanted):
            with _held(_beside(path, _FETCH)):
                if not self._is_whole(path, wanted):  # whoever had the lock before has fetched it
                    self._make_room(wanted.size)
                    self._fetch(wanted, path)
        return path, pin

    def _is_whole(self, path: Path, wanted: Wanted) -> bool:
        with suppress(FileNotFoundError):
            stamp = _stamp(path)
            known = self._checked.get(path) == stamp
            if all(_is_intact(path / file.name, file, look=not known) for file in wanted.files):
                self._checked[path] = stamp
                return True
            log.warning("cache_broken", name=wanted.name, version=wanted.version)
        return False

    def _fetch(self, wanted: Wanted, path: Path) -> None:
        draft, old = (path.with_name(f".{path.name}.{word}") for word in ("new", "old"))
        try:
            for left in (draft, old):  # by a process that was killed here
                shutil.rmtree(left, ignore_errors=True)
            draft.mkdir()
            for file in wanted.files:
                got = self._artifacts.fetch(wanted.key(file.name), draft / file.name)
                if got.sha256 != file.sha256:
                    raise mismatch(file.name, file.sha256, got.sha256)
            with suppress(FileNotFoundError):
                path.rename(old)
            draft.rename(path)
            self._checked[path] = _stamp(path)
        finally:
            for left in (draft, old):
                shutil.rmtree(left, ignore_errors=True)
        log.info("fetched", name=wanted.name, version=wanted.version, bytes=wanted.size)

    def _make_room(self, size: int) -> None:
        with self._lock:
            kept = sorted(self._kept())
            total = size + sum(each for _, _, each in kept)
            for _, path, each in kept:
                if total <= self._limit:
                    return
                if self._remove(path):
                    total -= each

    def _kept(self) -> Iterator[tuple[float, Path, int]]:
        """When it was last wanted, where it is and its bytes, of each version."""
        for lock in self._directory.glob(f"*/.*{_USE}"):
            path = lock.with_name(lock.name.removeprefix(".").removesuffix(_USE))
            with suppress(FileNotFoundError):
                yield lock.stat().st_mtime, path, sum(each.stat().st_size for each in path.rglob("*"))

    def _remove(self, path: Path) -> bool:
        """Whether nobody used it."""
        lock = _beside(path, _USE)
        number = _open(lock)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            self._checked.pop(path, None)
            for each in (lock, _beside(path, _FETCH)):
                each.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(number)
        log.info("cache_evicted", name=path.parent.name, version=path.name)
        return True


def file_sha256(path: Path, on_chunk: Callable[[], None] = lambda: None) -> str:
    """Lower-case hexadecimal; ``on_chunk`` is called after each MiB and may raise to end it."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            on_chunk()
    return digest.hexdigest()


def mismatch(name: str, expected: str, got: str) -> ChecksumMismatch:
    """The error that names the file and both sums."""
    return ChecksumMismatch(f"{name}: expected sha256 {expected}, got {got}")


def _is_intact(path: Path, file: InstalledFile, *, look: bool) -> bool:
    try:
        return path.stat().st_size == file.size and not (look and file_sha256(path) != file.sha256)
    except FileNotFoundError:
        return False


def _stamp(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_ino, status.st_mtime_ns


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f".{path.name}{word}")


def _open(lock: Path) -> int:
    return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(lock: Path, how: int) -> int:
    """An open file that holds the lock. Whoever had it before may have removed the file: then it is another."""
    while True:
        number = _open(lock)
        try:
            fcntl.flock(number, how)
            if os.fstat(number).st_ino == lock.stat().st_ino:
                return number
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _pinned(lock: Path) -> Pin:
    number = _locked(lock, fcntl.LOCK_SH)
    os.utime(number)
    return Pin(number)


@contextmanager
def _held(lock: Path) -> Generator[None]:
    number = _locked(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(number)
