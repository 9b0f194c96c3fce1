"""What a backup is: a manifest, and the parts that it names. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import FramelaneError
from shared.specs import JobKind

FORMAT = 1
"""How a backup is written. What older versions would read wrongly needs the next number."""

MANIFEST = "manifest.json"
"""It is written last: where there is none, there is no backup."""


class BackupError(FramelaneError):
    """The backup can't be made or read."""

    code = "backup"


class BackupRefused(BackupError):
    """It would write over something."""

    code = "backup-refused"


class BackupDamaged(BackupError):
    """It isn't what was written."""

    code = "backup-damaged"


class BackupNewer(BackupError):
    """A later version made it."""

    code = "backup-newer"


class RestoreRefused(BackupError):
    """What is there must not be replaced by a backup."""

    code = "restore-refused"


PartKind = Literal["store", "artifacts"]


class Part(BaseModel):
    """A file of the backup. ``sha256``: lower-case hexadecimal; ``entries``: keys, jobs or files in it."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z0-9.-]+$")
    kind: PartKind
    bytes: int
    sha256: str
    entries: int


class Manifest(BaseModel):
    """``began_at``: jobs accepted later aren't in it; ``ended_at``: nothing in it is younger.

    ``formats``: how records of each kind of job were written at most; ``jobs``: how many, by state; ``files``
    and ``file_bytes`` are None where artifacts were left out; ``damaged``: keys of artifacts that couldn't be
    copied because they aren't what was stored.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: str
    server: str
    prefix: str
    began_at: datetime
    ended_at: datetime
    formats: dict[str, int]
    jobs: dict[str, int]
    others: int
    files: int | None = None
    file_bytes: int | None = None
    damaged: list[str] = []
    parts: list[Part]

    @property
    def bytes(self) -> int:
        """Of all parts."""
        return sum(part.bytes for part in self.parts)


def read_manifest(content: bytes, formats: Mapping[JobKind, int]) -> Manifest:
    """``formats``: of records this version can read. Raises BackupDamaged, BackupNewer."""
    try:
        said = json.loads(content)
        found = int(said["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(f"{MANIFEST} can't be read; take another copy of the backup") from error
    if found > FORMAT:
        msg = f"the backup has format {found}, this version reads up to {FORMAT}: restore it with a later version"
        raise BackupNewer(msg)
    try:
        manifest = Manifest.model_validate(said)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise BackupDamaged(f"{MANIFEST}: {where} is wrong; take another copy of the backup") from error
    known = {str(kind): number for kind, number in formats.items()}
    later = [kind for kind, number in manifest.formats.items() if number > known.get(kind, 0)]
    if later:
        msg = (
            f"records of {', '.join(sorted(later))} were written by Framelane {manifest.version}, "
            "which this version can't read: restore the backup with that version or a later one"
        )
        raise BackupNewer(msg)
    return manifest
