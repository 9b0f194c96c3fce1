"""Uploads that can be resumed: tus 1.0 (core, creation, expiration, termination)."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response

from api.dependencies import Here
from api.gateway import Gateway
from api.problems import Refused
from api.reference import json_body, problems
from api.uploads import media_type, read_json
from api.views import PREFIX, base_url
from shared.errors import InvalidSpec
from shared.inputs import Wire
from shared.results import Answer
from shared.uploads import Upload

router = APIRouter(tags=["uploads"])

VERSION = "1.0.0"
OFFSET_TYPE = "application/offset+octet-stream"

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_METADATA_BYTES = 4_096

TusResumable = Annotated[str | None, Header(alias="Tus-Resumable", description=f"`{VERSION}`")]
Length = Annotated[int, Header(alias="Upload-Length", ge=0, le=2**62, description="bytes of the whole file")]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**62, description="where the body begins")]


class UploadView(Answer):
    """An upload. ``length`` is null until it is known, ``sha256`` empty until then, or until a job has read it."""

    id: str
    filename: str
    length: int | None
    offset: int
    sha256: str
    complete: bool
    used_by: str = Field(description="the job that made something of it; then its bytes are gone")

    @classmethod
    def of(cls, upload: Upload) -> "UploadView":
        """What is told of an upload."""
        return cls.model_validate({**upload.model_dump(exclude={"parts"}), "offset": upload.offset})


class DirectUpload(Wire):
    """A file to send straight to the S3 server."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    length: Annotated[int, Field(strict=True, ge=1, description="bytes: the server takes exactly as many")]
    sha256: Annotated[
        str, Field(pattern=r"^(?:[0-9a-f]{64})?$", description="checked by the job that uses it")
    ] = ""


class DirectUploadView(Answer):
    """Where to send it: by POST, as multipart form data, the fields first."""

    upload: UploadView
    url: str
    fields: dict[str, str]
    expires_s: int


_DIRECT: TypeAdapter[DirectUpload] = TypeAdapter(DirectUpload)


@router.options("/uploads", status_code=204, responses=problems())
async def describe_uploads(here: Here) -> Response:
    """What this server can do of tus."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,expiration,termination",
        "Tus-Max-Size": str(here.uploads.settings.bytes),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "/uploads",
    status_code=201,
    responses={201: {"model": UploadView}} | problems(412, 413, 422, 429, 503),
)
async def create_upload(
    request: Request,
    here: Here,
    length: Length,
    metadata: Annotated[
        str,
        Header(alias="Upload-Metadata", max_length=_METADATA_BYTES, description="tus: `filename`, `sha256`"),
    ] = "",
    version: TusResumable = None,
) -> Response:
    """Begin an upload of `Upload-Length` bytes; `Location` is where they go by PATCH.

    A finished one is used by a job of kind `media_upload` or `model_upload`, or `POST /videos`, `/images` and
    `/models/upload` with `{"upload": id, "name": …}`.
    """
    _check_version(version)
    told = _metadata(metadata)
    sha256 = told.get("sha256", "").lower()
    if sha256 and not _SHA256.match(sha256):
        raise InvalidSpec(("/Upload-Metadata/sha256", "must be 64 hexadecimal digits"))
    upload = await here.uploads.begin(told.get("filename", ""), length, sha256)
    location = f"{base_url(request)}{PREFIX}/uploads/{upload.id}"
    return _answer(here, upload, 201, {"Location": location})


@router.post(
    "/uploads/direct",
    status_code=201,
    responses=problems(409, 413, 415, 422, 429, 503),
    openapi_extra=json_body("DirectUpload"),
)
async def create_direct_upload(request: Request, here: Here) -> DirectUploadView:
    """Begin an upload that goes straight to the S3 server: to `url`, the fields first, then the part `file`.

    Afterwards say so with `POST /uploads/{id}/complete`. 409 where the artifact store isn't an S3 server.
    """
    asked = await read_json(request, _DIRECT)
    upload, form = await here.uploads.begin_direct(asked.filename, asked.length, asked.sha256)
    expires_s = here.uploads.settings.direct_s
    return DirectUploadView(
        upload=UploadView.of(upload), url=form.url, fields=dict(form.fields), expires_s=expires_s
    )


@router.post("/uploads/{upload_id}/complete", responses=problems(404, 409, 503))
async def complete_upload(here: Here, upload_id: str) -> UploadView:
    """Say that a direct upload has arrived. 409 if it hasn't."""
    return UploadView.of(await here.uploads.finish_direct(upload_id))


@router.head("/uploads/{upload_id}", response_class=Response, responses=problems(404, 412, 503))
async def ask_upload(here: Here, upload_id: str, version: TusResumable = None) -> Response:
    """Where to go on: `Upload-Offset`."""
    _check_version(version)
    upload = await here.uploads.get(upload_id)
    return Response(headers=_headers(here, upload))


@router.get("/uploads/{upload_id}", responses=problems(404, 503))
async def get_upload(here: Here, upload_id: str) -> UploadView:
    """What is known of an upload."""
    return UploadView.of(await here.uploads.get(upload_id))


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    responses=problems(404, 409, 412, 413, 415, 429, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {OFFSET_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def continue_upload(
    request: Request, here: Here, upload_id: str, offset: Offset, version: TusResumable = None
) -> Response:
    """Send the next bytes, any number of them; what came before a broken connection is kept.

    409 if `Upload-Offset` isn't where the upload is by now: ask by HEAD.
    """
    _check_version(version)
    if media_type(request) != OFFSET_TYPE:
        raise Refused(415, "unsupported-media-type", f"send {OFFSET_TYPE}", {"Accept-Patch": OFFSET_TYPE})
    upload = await here.uploads.get(upload_id)
    upload.must_be_at(offset)
    upload = await here.uploads.receive(upload, request.stream())
    return Response(status_code=204, headers=_headers(here, upload))


@router.delete("/uploads/{upload_id}", status_code=204, responses=problems(404, 412, 503))
async def delete_upload(here: Here, upload_id: str, version: TusResumable = None) -> Response:
    """Give an upload up."""
    _check_version(version)
    await here.uploads.get(upload_id)
    await here.uploads.delete(upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def _answer(here: Gateway, upload: Upload, status: int, headers: dict[str, str]) -> Response:
    content = UploadView.of(upload).model_dump_json()
    return Response(content, status, _headers(here, upload) | headers, "application/json")


def _headers(here: Gateway, upload: Upload) -> dict[str, str]:
    expires = datetime.now(UTC) + timedelta(seconds=here.uploads.settings.idle_s)
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": format_datetime(expires, usegmt=True),
        "Cache-Control": "no-store",
    }
    if upload.length is not None:
        headers["Upload-Length"] = str(upload.length)
    return headers


def _check_version(version: str | None) -> None:
    """Those who say none are taken for plain HTTP clients that read this reference."""
    if version not in {None, VERSION}:
        raise Refused(412, "tus-version", f"tus {VERSION} is spoken here", {"Tus-Version": VERSION})


def _metadata(header: str) -> dict[str, str]:
    told: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            told[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            said = f"the value of {key[:50]!r} must be base64 of UTF-8"
            raise InvalidSpec(("/Upload-Metadata", said)) from None
    return told
