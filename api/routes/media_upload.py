"""Files of callers on their way into the library of media."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response

from api.dependencies import Here, Prefer, caller_of, preferred_wait, travelling_headers
from api.gateway import Gateway
from api.receiving import Received, receive
from api.reference import ACCEPTED, problems
from api.routes.submit import answer
from api.services.documents import validated
from api.services.media_names import Family, kind_of, name_of
from api.services.submit import Ticket
from api.uploads import JSON, media_type, read_json
from shared.errors import UploadTooLarge
from shared.inputs import Wire
from shared.media import MediumKind
from shared.media_errors import ArchiveTooLarge
from shared.routing import Needs
from shared.specs import CommonSpec, MediaUploadSpec, Name, UploadId

router = APIRouter(tags=["media"])

_FIELDS = ("name", "licence", "replace")
_REFUSALS = problems(400, 404, 409, 413, 415, 422, 429, 503)


class UploadUse(Wire):
    """A finished upload that becomes a medium. ``name``: default: the file's, without its ending."""

    upload: UploadId
    name: Name | None = None
    licence: Annotated[str, Field(max_length=200)] = ""
    replace: bool = False


_USE: TypeAdapter[UploadUse] = TypeAdapter(UploadUse)
_SPEC: TypeAdapter[MediaUploadSpec] = TypeAdapter(MediaUploadSpec)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}


def _body(what: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": what}
    fields = {
        "name": {"type": "string", "description": "in the library; default: the file's, without its ending"},
        "licence": {"type": "string"},
        "replace": {"type": "boolean", "default": False},
        "sha256": {"type": "string", "description": "the file must have it"},
    }
    form = {"type": "object", "required": ["file"], "properties": {"file": file} | fields}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": {"$ref": "#/components/schemas/UploadUse"}},
    }
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/videos",
    status_code=202,
    responses=ACCEPTED | _REFUSALS,
    openapi_extra=_body("mp4, mov, mkv, webm, avi, ts …"),
)
async def upload_video(request: Request, here: Here, prefer: Prefer = None) -> Response:
    """Take a video, or a finished upload of one, and answer with the job that looks into it and adds it.

    The body is stored as it comes. 202 with the job, 200 if it ended within `Prefer: wait=N`.
    """
    return await _upload(request, here, "videos", prefer)


@router.post(
    "/images",
    status_code=202,
    responses=ACCEPTED | _REFUSALS,
    openapi_extra=_body("a photo, or a zip, tar or tar.gz of images of one kind and size: an image set"),
)
async def upload_image(request: Request, here: Here, prefer: Prefer = None) -> Response:
    """Take a photo or an archive of images, or a finished upload of one; as for videos."""
    return await _upload(request, here, "images", prefer)


async def _upload(request: Request, here: Gateway, family: Family, prefer: str | None) -> Response:
    # Before anything is sent in vain.
    await here.lanes.route("media_upload", CommonSpec(), Needs())
    if media_type(request) == JSON:
        use = await read_json(request, _USE)
        filename = (await here.uploads.get(use.upload)).filename
        return await _submit(request, here, _spec(family, filename, use.model_dump(exclude_none=True)), prefer)
    received = await _received(request, here, family)
    try:
        fields = {"upload": received.upload.id, **received.fields}
        return await _submit(request, here, _spec(family, received.upload.filename, fields), prefer)
    except BaseException:
        await here.uploads.delete(received.upload.id)
        raise


async def _received(request: Request, here: Gateway, family: Family) -> Received:
    limits: dict[MediumKind, int] = {
        "photo": here.settings.limits.image_bytes,
        "image_set": here.settings.media.archive_bytes,
    }
    kinds: list[MediumKind] = []

    def accept(filename: str) -> int | None:
        kinds.append(kind_of(family, filename))
        return limits.get(kinds[0])

    try:
        return await receive(request, here.uploads, _FIELDS, accept)
    except UploadTooLarge as error:
        if kinds == ["image_set"]:
            raise ArchiveTooLarge(error.detail) from error
        raise


def _spec(family: Family, filename: str, fields: dict[str, Any]) -> MediaUploadSpec:
    kind = kind_of(family, filename)
    told = {"medium": kind, **fields, "name": fields.get("name") or name_of(kind, filename)}
    if isinstance(replace := told.get("replace"), str):
        told["replace"] = _BOOLEANS.get(replace.lower(), replace)
    return validated(_SPEC, told)


async def _submit(request: Request, here: Gateway, spec: MediaUploadSpec, prefer: str | None) -> Response:
    prepared = await here.submitter.prepare(0, lambda preparer: preparer.from_spec(spec, {}))
    wait_s = preferred_wait(prefer, here.settings.limits.wait_s)
    ticket = Ticket(headers=travelling_headers(request), caller=caller_of(request))
    return answer(request, await here.intake.accept(prepared, ticket, wait_s or 0), wait_s)
