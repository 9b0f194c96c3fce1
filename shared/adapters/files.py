"""Files that are there whole or not at all."""

import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path


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
