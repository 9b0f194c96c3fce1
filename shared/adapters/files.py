"""Files that are there whole or not at all."""

import errno
import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def appearing(path: Path, beside: Path | None = None) -> Generator[BufferedWriter]:
    """Write to a file that gets its name, replacing what had it, only when it is whole and on the disk.

    ``beside`` is a folder of the same file system for the draft; by default that of ``path``. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = (beside or path.parent) / f".{uuid.uuid4().hex}.part"
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def appear_as(source: Path, path: Path, beside: Path) -> bool:
    """Give a file that is whole a second name, replacing what had that, once it is on the disk; it is as new then.

    ``beside`` as for ``appearing``. False where files can't have two names, or not these. Raises OSError.
    """
    draft = beside / f".{uuid.uuid4().hex}.part"
    if source.is_symlink():
        return False
    try:
        os.link(source, draft)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    try:
        now = time.time_ns()
        os.utime(draft, ns=(now, now))
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # renaming a file to another name of it does nothing
    return True
