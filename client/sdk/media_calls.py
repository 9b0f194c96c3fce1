"""Operations on media and uploads as values, and the way of an upload that broken lines don't stop. No I/O."""

import base64
import hashlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import Field, TypeAdapter

from client.sdk.answers import MediumView, UploadView
from client.sdk.calls import API, Call
from client.sdk.problems import ApiProblem, ClientError, ConnectionFailed
from shared.jobs import Job
from shared.results import Answer

Family = Literal["videos", "images"]

STEP = 8 * 1024 * 1024
"""Bytes of one request."""

_TRIES = 6
_PASSING = frozenset({"upload-changed", "too-many-uploads"})
_OURS = 500
_LONGEST_PAUSE_S = 10.0
_TRANSFER_S = 120.0
_CHUNK = 1024 * 1024


class MediaPage(Answer):
    """One page of either kind."""

    videos: list[MediumView] = Field(default_factory=list[MediumView])
    images: list[MediumView] = Field(default_factory=list[MediumView])
    next_cursor: str | None = None


_PAGE: TypeAdapter[MediaPage] = TypeAdapter(MediaPage)
_UPLOAD: TypeAdapter[UploadView] = TypeAdapter(UploadView)
_MEDIUM: TypeAdapter[MediumView] = TypeAdapter(MediumView)
_JOB: TypeAdapter[Job] = TypeAdapter(Job)


def begin_upload(filename: str, length: int, sha256: str) -> Call[UploadView]:
    """A new upload."""
    told = {"filename": filename, "sha256": sha256}
    pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items()]
    headers = {"Upload-Length": str(length), "Upload-Metadata": ",".join(pairs), "Tus-Resumable": "1.0.0"}
    return Call("POST", f"{API}/uploads", lambda _status, body: _UPLOAD.validate_json(body), headers)


def upload(upload_id: str) -> Call[UploadView]:
    """How far it has come."""
    return Call("GET", _path("uploads", upload_id), lambda _status, body: _UPLOAD.validate_json(body))


def continue_upload(upload_id: str, offset: int, content: bytes) -> Call[None]:
    """The next bytes of it."""
    headers = {
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Tus-Resumable": "1.0.0",
    }
    path = _path("uploads", upload_id)
    return Call("PATCH", path, lambda _status, _body: None, headers, content, timeout_s=_TRANSFER_S)


def use_upload(
    family: Family, upload_id: str, *, name: str | None, licence: str, replace: bool, wait: float | None
) -> Call[Job]:
    """The job that makes a medium of it."""
    body: dict[str, str | bool] = {"upload": upload_id, "licence": licence, "replace": replace}
    if name is not None:
        body["name"] = name
    headers = {"Content-Type": "application/json"}
    seconds = min(int(wait or 0), 60)
    if seconds:
        headers["Prefer"] = f"wait={seconds}"
    return Call(
        "POST",
        f"{API}/{family}",
        lambda _status, content: _JOB.validate_json(content),
        headers,
        json.dumps(body).encode(),
        timeout_s=seconds + 30.0,
    )


def media(family: Family, cursor: str | None) -> Call[tuple[list[MediumView], str | None]]:
    """One page, and where the next one begins."""

    def parse(_status: int, body: bytes) -> tuple[list[MediumView], str | None]:
        page = _PAGE.validate_json(body)
        return page.videos or page.images, page.next_cursor

    query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
    return Call("GET", f"{API}/{family}{query}", parse)


def medium(family: Family, name: str) -> Call[MediumView]:
    """One of them."""
    return Call("GET", _path(family, name), lambda _status, body: _MEDIUM.validate_json(body))


def delete_medium(family: Family, name: str, *, force: bool) -> Call[None]:
    """Away with it."""
    query = "?force=true" if force else ""
    return Call("DELETE", _path(family, name) + query, lambda _status, _body: None)


def family_of(filename: str) -> Family:
    """Where a file belongs by its ending: what isn't a picture or an archive is taken for a video."""
    pictures = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".zip", ".tar", ".tar.gz", ".tgz")
    return "images" if filename.lower().endswith(pictures) else "videos"


class Sending:
    """An upload on its way: says what to send next, and whether to go on after a failure."""

    def __init__(self, path: Path) -> None:
        """Reads the file once. Raises ClientError."""
        self.path = path
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                self.length = file.tell()
        except OSError as error:
            msg = f"{path}: {error.strerror}"
            raise ClientError(msg) from error
        self.sha256 = digest.hexdigest()
        self.offset = 0
        self._failures = 0

    def begin(self) -> Call[UploadView]:
        """A new upload for the file."""
        return begin_upload(self.path.name, self.length, self.sha256)

    def found(self, known: UploadView) -> None:
        """Where the gateway says that the upload is. Raises ClientError when it is used, or of another file."""
        if known.used_by:
            msg = f"upload {known.id} was used by job {known.used_by}; send the file again, without resuming"
            raise ClientError(msg)
        if (known.length, known.sha256) != (self.length, self.sha256):
            msg = f"upload {known.id} is of another file than {self.path.name}"
            raise ClientError(msg)
        self.offset = known.offset

    def steps(self) -> Generator[tuple[int, bytes]]:
        """Where it goes on, and with which bytes; again from elsewhere after ``found``."""
        with self.path.open("rb") as file:
            while self.offset < self.length:
                file.seek(self.offset)
                yield self.offset, file.read(STEP)

    def sent(self, count: int) -> None:
        """So many bytes arrived."""
        self.offset += count
        self._failures = 0

    def failed(self, error: ApiProblem | ConnectionFailed) -> float:
        """Seconds to wait before the gateway is asked where to go on. Raises the error when that is in vain."""
        if isinstance(error, ApiProblem) and not (error.code in _PASSING or error.status >= _OURS):
            raise error
        self._failures += 1
        if self._failures >= _TRIES:
            raise error
        pause = min(0.2 * 3.0**self._failures, _LONGEST_PAUSE_S)
        asked = error.retry_after_s if isinstance(error, ApiProblem) else None
        return max(pause, min(asked or 0.0, _LONGEST_PAUSE_S))


def _path(family: str, name: str) -> str:
    return f"{API}/{family}/{quote(name, safe='')}"
