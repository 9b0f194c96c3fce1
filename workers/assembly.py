"""An upload put together again: its parts, in their order, into one file."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from shared.errors import ArtifactNotFound, ChecksumMismatch, FramelaneError, UploadChanged, UploadNotFound
from shared.ports import ArtifactStore, UploadStore
from shared.uploads import Upload, UploadPart

USED_KEPT_S = 86_400.0
"""So long a used upload is remembered, for a job that is tried again after it used it."""

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Assembled:
    """The file's sha256 and its bytes."""

    sha256: str
    size: int


def assemble(artifacts: ArtifactStore, upload: Upload, target: Path, check: Callable[[], None]) -> Assembled:
    """Write the file of a complete upload to ``target``; ``check`` is called with every piece, and may raise.

    Raises UploadNotFound when parts are gone, ChecksumMismatch when they aren't what was sent, OutOfSpace,
    StoreUnavailable, OSError.
    """
    whole = sha256()
    with target.open("wb") as file:
        for part in upload.parts:
            own = None if upload.sha256 else sha256()  # the sum of the whole is enough
            for chunk in _read(artifacts, upload, part):
                check()
                whole.update(chunk)
                file.write(chunk)
                if own is not None:
                    own.update(chunk)
            if own is not None:
                _must_be(part.sha256, own.hexdigest(), f"{part.name} of upload {upload.id}")
        size = file.tell()
    _must_be(upload.sha256, whole.hexdigest(), upload.filename or f"upload {upload.id}")
    return Assembled(whole.hexdigest(), size)


def use_up(uploads: UploadStore, artifacts: ArtifactStore, upload: Upload, job_id: str) -> None:
    """The job has made something of it: its parts go. Parts that can't be removed now are left to a sweep.

    Whoever asks for it again under the same job is told so by ``must_be_ready`` and ``used_by``.
    """
    # The client may have given it up just now: what was made of it is made.
    with suppress(UploadNotFound, UploadChanged):
        uploads.replace(upload.used(job_id), keep_s=USED_KEPT_S)
    remove_parts(artifacts, upload)


def remove_parts(artifacts: ArtifactStore, upload: Upload) -> None:
    """Those of its record. What can't be removed now is logged and left to a sweep."""
    try:
        for part in upload.parts:
            artifacts.delete(upload.key(part))
    except FramelaneError as error:
        log.warning("upload_parts_left_behind", upload=upload.id, reason=error.detail)


def _read(artifacts: ArtifactStore, upload: Upload, part: UploadPart) -> Iterator[bytes]:
    try:
        return artifacts.read(upload.key(part))
    except ArtifactNotFound as error:
        raise UploadNotFound(f"parts of upload {upload.id} are gone; send the file again") from error


def _must_be(expected: str, got: str, name: str) -> None:
    if expected and expected != got:
        raise ChecksumMismatch(f"{name}: expected sha256 {expected}, got {got}")
