"""The library's contents: stored once however many media have them, and gone with the last of these.

Whoever registers a medium, or deletes contents, first takes the one right to do so. Under it, a medium is
registered only after its content was seen there, and contents are deleted only if the registry names none of them:
hence what the registry names is there. What a lost process had stored but not registered, a sweep removes.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog

from shared.errors import ArtifactNotFound, StoreUnavailable, Unavailable
from shared.media import MEDIA, content_key, sha256_of, thumbnail_key
from shared.media_errors import FileExists, ImageSetAlreadyExists
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledFile, InstalledMedium

HOLD_S = 60.0
_PAUSE_S = 0.05
_RIGHT = "media"

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Content:
    """A file on its way into the library."""

    key: str
    path: Path
    file: InstalledFile
    media_type: str


class MediaLibrary:
    """Adds and removes. Blocking; safe to share between threads and processes."""

    def __init__(self, artifacts: ArtifactStore, beacon: WorkerBeacon, hold_s: float = HOLD_S) -> None:
        self._artifacts = artifacts
        self._beacon = beacon
        self._hold_s = hold_s

    def has(self, medium: InstalledMedium) -> bool:
        """Whether its content is there: somebody may have emptied the artifact store."""
        return self._is_stored(content_key(medium.file.sha256), medium.file)

    def add(
        self, medium: InstalledMedium, contents: Sequence[Content], check: Callable[[], None], *, replace: bool
    ) -> bool:
        """Store what isn't there yet, then register; whether the content was known.

        Raises FileExists or ImageSetAlreadyExists for the name of a medium with other content, unless ``replace``.
        """
        known = not self._store(contents, check)
        with self._right(check) as hold:
            while self._store(contents, check):
                hold()
            media = self._beacon.media()
            old = media.get(medium.name)
            if old is not None and old.tenant != medium.tenant:
                raise taken(old)  # it isn't theirs to replace
            if old is not None and old.file.sha256 != medium.file.sha256 and not replace:
                raise taken(old)
            self._beacon.add_medium(medium)
            log.info("medium_added", medium=medium.name, version=medium.version, known=known)
            if old is not None:
                self._release(old.file.sha256, {**media, medium.name: medium}.values())
        return known

    def remove(self, name: str, check: Callable[[], None]) -> InstalledMedium | None:
        """What it was; None if there is none."""
        with self._right(check):
            media = self._beacon.media()
            medium = media.pop(name, None)
            if medium is not None:
                self._beacon.remove_medium(name)
                log.info("medium_removed", medium=name, version=medium.version)
                self._release(medium.file.sha256, media.values())
            return medium

    def sweep(self, older_than_s: float, check: Callable[[], None]) -> tuple[int, int]:
        """Remove contents of at least that age that no medium has: how many objects, and their bytes."""
        count = size = 0
        for found in self._artifacts.listing(MEDIA):
            check()
            if found.age_s < older_than_s:
                continue
            with self._right(check):
                if sha256_of(found.key) not in {each.file.sha256 for each in self._beacon.media().values()}:
                    self._artifacts.delete(found.key)
                    count, size = count + 1, size + found.size
        return count, size

    def _store(self, contents: Sequence[Content], check: Callable[[], None]) -> bool:
        """Whether something was missing."""
        missing = False
        for each in contents:
            check()
            if not self._is_stored(each.key, each.file):
                missing = True
                self._artifacts.put_file(each.key, each.path, each.media_type, each.file.sha256)
        return missing

    def _is_stored(self, key: str, file: InstalledFile) -> bool:
        try:
            return self._artifacts.stat(key).sha256 == file.sha256
        except ArtifactNotFound:
            return False

    def _release(self, sha256: str, others: Iterable[InstalledMedium]) -> None:
        """Delete a content unless one of the others has it too. What can't be deleted now is left to a sweep."""
        if any(each.file.sha256 == sha256 for each in others):
            return
        for key in (content_key(sha256), thumbnail_key(sha256)):
            try:
                self._artifacts.delete(key)
            except Unavailable as error:
                log.warning("medium_left_behind", key=key, reason=error.detail)

    @contextmanager
    def _right(self, check: Callable[[], None]) -> Generator[Callable[[], bool]]:
        """Waits for it. What it gives prolongs it."""
        token = uuid4().hex

        def hold() -> bool:
            return self._beacon.hold(_RIGHT, token, self._hold_s)

        while not hold():
            check()
            threading.Event().wait(_PAUSE_S)
        try:
            yield hold
        finally:
            try:
                self._beacon.release(_RIGHT, token)
            except Unavailable as error:
                log.warning("media_not_released", lapses_in_s=self._hold_s, reason=error.detail)


def patient(seconds: float) -> Callable[[], None]:
    """A check that raises StoreUnavailable when they are over."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            msg = "others are changing the library; try again in a moment"
            raise StoreUnavailable(msg)

    return check


def taken(medium: InstalledMedium) -> FileExists | ImageSetAlreadyExists:
    """The error for its name."""
    kind = ImageSetAlreadyExists if medium.kind == "image_set" else FileExists
    return kind(f"there is a {medium.kind} {medium.name}; choose another name, or say replace")
