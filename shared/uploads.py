"""Uploads: files on their way in, kept as parts in the artifact store until a job makes something of them. Pure.

Whoever receives bytes stores them as a part first and then appends it to the record, which tells by its offset
whether it is the next one: a gateway keeps nothing between two requests, and of two that write at once one wins.
"""

from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from shared.access import DEFAULT_TENANT
from shared.errors import UploadChanged, UploadIncomplete, UploadUsed

UPLOADS = "uploads/"
"""Where all parts are in the artifact store."""


class UploadPart(BaseModel):
    """A stored piece. ``name``: the last segment of its key; ``sha256`` is empty where we didn't see the bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str = ""


class Upload(BaseModel):
    """One file on its way.

    ``filename`` is as the client said it: to be shown, never part of a key or path. ``length`` is None until it is
    known; ``sha256`` is empty until then, and is what the client announced or what was counted while it came.
    ``used_by``: the job that made something of it, after which its parts are gone.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    filename: str = ""
    length: int | None = None
    sha256: str = ""
    parts: list[UploadPart] = Field(default_factory=list[UploadPart])
    complete: bool = False
    used_by: str = ""
    version: int = 0
    tenant: str = DEFAULT_TENANT

    @property
    def offset(self) -> int:
        """Bytes that are stored."""
        return sum(part.size for part in self.parts)

    @property
    def prefix(self) -> str:
        """What the keys of its parts begin with."""
        return upload_prefix(self.id)

    def key(self, part: UploadPart) -> str:
        """Where the part is in the artifact store."""
        return self.prefix + part.name

    def next_part(self) -> str:
        """A name for the next part that nobody else will think of."""
        return f"part-{len(self.parts):05d}-{uuid4().hex[:8]}"

    def must_be_at(self, offset: int) -> None:
        """Raises UploadChanged unless the next byte is that one, UploadUsed."""
        self._must_be_unused()
        if self.complete or offset != self.offset:
            msg = f"the upload has {self.offset} bytes by now; go on from there, not from {offset}"
            raise UploadChanged(msg)

    def with_part(self, part: UploadPart) -> "Upload":
        """It is complete when its announced length is reached."""
        parts = [*self.parts, part]
        complete = self.length is not None and sum(each.size for each in parts) >= self.length
        return self.model_copy(update={"parts": parts, "complete": complete})

    def completed(self, sha256: str) -> "Upload":
        """All bytes are there; ``sha256`` of them, empty if nobody counted."""
        return self.model_copy(update={"complete": True, "length": self.offset, "sha256": sha256 or self.sha256})

    def used(self, job_id: str) -> "Upload":
        """The job has made something of it."""
        return self.model_copy(update={"used_by": job_id, "parts": []})

    def must_be_ready(self, job_id: str = "") -> None:
        """Raises UploadIncomplete, and UploadUsed unless it was ``job_id`` that used it."""
        if self.used_by != job_id or not job_id:
            self._must_be_unused()
        if not self.complete:
            msg = f"upload {self.id} has {self.offset} of {self.length or 'an unknown number of'} bytes"
            raise UploadIncomplete(msg)

    def _must_be_unused(self) -> None:
        if self.used_by:
            msg = f"upload {self.id} was used by job {self.used_by}; send the file again"
            raise UploadUsed(msg)


def upload_prefix(upload_id: str) -> str:
    """What the keys of an upload's parts begin with."""
    return f"{UPLOADS}{upload_id}/"
