"""Beginnings of files, kept on this machine until the rest of them comes."""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from pydantic import BaseModel, ValidationError

from workers.dialing import LOOK_S


class Note(BaseModel):
    """What a beginning is the beginning of. ``validator``: the server's name for this very content."""

    validator: str
    total: int | None = None


class Partial:
    """One file that is on its way. Held by one transfer at a time, on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._about = path.with_suffix(".json")

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes that are there to go on from."""
        return self.kept()[0]

    def kept(self) -> tuple[int, Note | None]:
        """Bytes that are there of what, or 0 and None."""
        try:
            note = Note.model_validate_json(self._about.read_bytes())
            return self._path.stat().st_size, note
        except (OSError, ValidationError):
            return 0, None

    def age_s(self) -> float:
        """Seconds since something came; without end if there is nothing to go on from."""
        try:
            return time.time() - self._path.stat().st_mtime if self._about.exists() else float("inf")
        except FileNotFoundError:
            return float("inf")

    def begin(self, note: Note | None, at: int) -> FileIO:
        """To write on from byte ``at``, forgetting what comes after it. Without a note nothing is kept."""
        if note is None:
            self._about.unlink(missing_ok=True)
        else:
            draft = self._about.with_suffix(".new")
            draft.write_text(note.model_dump_json(), "utf-8")
            draft.replace(self._about)
        # Not buffered: what came is there, however this process ends.
        file = FileIO(self._path, "r+b" if at else "wb")
        file.truncate(at)
        file.seek(at)
        return file

    def drop(self) -> None:
        """Forget it."""
        self._about.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def take(self, target: Path) -> None:
        """It is whole: from now on it is ``target``, on the same file system."""
        self._path.replace(target)
        self._about.unlink(missing_ok=True)


class Partials:
    """All of a machine, in ``folder``; processes may share it. Those untouched for ``keep_s`` seconds go."""

    def __init__(self, folder: Path, keep_s: float) -> None:
        self._folder = folder
        self._keep_s = keep_s

    @contextmanager
    def of(self, source: str, on_wait: Callable[[], None]) -> Generator[Partial]:
        """The file that comes from ``source``. Waits while another transfer of it runs here."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(source.encode()).hexdigest()[:32]
        with self._locked(name, on_wait):
            partial = Partial(self._folder / f"{name}.part")
            try:
                yield partial
            finally:
                if not partial.kept()[1]:
                    partial.drop()

    def sweep(self) -> None:
        """Forget those that nobody came back for."""
        for path in self._folder.glob("*.lock"):
            if lock := _lock(path):
                with lock:
                    partial = Partial(path.with_suffix(".part"))
                    if partial.age_s() >= self._keep_s:
                        partial.drop()
                        path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, name: str, on_wait: Callable[[], None]) -> Generator[None]:
        path = self._folder / f"{name}.lock"
        while (lock := _lock(path)) is None:
            on_wait()
            threading.Event().wait(LOOK_S)
        with lock:
            try:
                yield
            finally:
                if not path.with_suffix(".part").exists():
                    path.unlink(missing_ok=True)


def _lock(path: Path) -> FileIO | None:
    """None if another has it. The kernel lets go of it when its holder dies."""
    file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink:  # else its last holder has just removed it
            return file
    except OSError:
        pass
    file.close()
    return None
