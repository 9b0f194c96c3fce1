"""Files below a folder of this machine that the operator names."""

import os
from pathlib import Path

from shared.errors import SourceRefused, SourceUnavailable
from shared.sources import FileSource, describe
from workers.hubs import HubTools, Meter, Origin

_CHUNK = 1 << 20


class FileHub:
    """Links that lead out of the folder are refused; those within are followed."""

    def __init__(self, tools: HubTools) -> None:
        self._folder = tools.settings.folder
        self._room = tools.room

    def fetch(self, source: FileSource, target: Path, meter: Meter) -> Origin:
        """See the port."""
        path = self._path(source)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SourceUnavailable(f"{describe(source)} can't be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb", buffering=0) as file, target.open("wb") as copy:
            total, done = os.fstat(descriptor).st_size, 0
            self._room.require(describe(source), target, total, total)
            meter.transferred(0, total)
            while chunk := file.read(_CHUNK):
                done += len(chunk)
                copy.write(chunk)
                meter.transferred(done, total)
        return Origin(describe(source))

    def _path(self, source: FileSource) -> Path:
        if self._folder is None:
            raise SourceRefused(f"{describe(source)}: this worker reads no files (FRAMELANE_SOURCES__FOLDER)")
        root = self._folder.resolve()
        path = (root / source.file).resolve()
        if not path.is_relative_to(root):
            raise SourceRefused(f"{describe(source)} leads out of the folder of sources")
        if not path.is_file():
            raise SourceUnavailable(f"{describe(source)}: there is no such file on this worker's machine")
        return path
