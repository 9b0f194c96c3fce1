"""Downloads that are whole or not there."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from client.sdk.problems import ClientError
from shared.jobs import ArtifactRef, Job


class DownloadBroken(ClientError):
    """What arrived isn't what the job left."""


def find_artifact(job: Job, name: str) -> ArtifactRef:
    """The job's artifact of that name. Raises ClientError, with the names there are."""
    for artifact in job.artifacts:
        if artifact.name == name:
            return artifact
    names = ", ".join(artifact.name for artifact in job.artifacts) or "none"
    msg = f"job {job.id} has no artifact {name!r}; it has: {names}"
    raise ClientError(msg)


class Saving:
    """A file that appears under its name once all bytes are there and their sha256 is right.

    Several may save the same at once.
    ``target`` may be a folder: then the artifact's name is taken.
    """

    def __init__(self, artifact: ArtifactRef, target: Path) -> None:
        self.path = target / Path(artifact.name).name if target.is_dir() else target
        self._expected = artifact.sha256
        self._partial = self.path.with_name(f".{uuid4().hex}.part")
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        self._file = self._partial.open("wb")
        return self

    def write(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._file.write(chunk)
        self._digest.update(chunk)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Raises DownloadBroken."""
        self._file.close()
        if kind is None and self._digest.hexdigest() == self._expected:
            self._partial.replace(self.path)
            return
        self._partial.unlink(missing_ok=True)
        if kind is None:
            msg = f"{self.path.name}: the bytes that arrived don't have the sha256 the job noted"
            raise DownloadBroken(msg)
