"""The body of a request taken apart: its JSON document and the photos beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import to_thread
from fastapi import Request
from pydantic import TypeAdapter
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.errors import MalformedYaml
from api.headers import header
from api.packed_specs import PackedSpec
from api.problems import Refused
from api.services.documents import parse
from api.services.submit import SMALL_BYTES
from shared.errors import InvalidSpec
from shared.settings import LimitSettings

JSON = "application/json"
MULTIPART = "multipart/form-data"
OCTETS = "application/octet-stream"
MSGPACK = "application/msgpack"
PHOTOS = ("image/jpeg", "image/png", "image/webp")
SPEC_PART = "spec"
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")

MAX_DOCUMENT = 4 * 1024 * 1024
"""Bytes of a document that describes something to be kept; a spec may be as large as any body."""

_Model = TypeVar("_Model")


@dataclass(frozen=True, slots=True)
class Upload:
    """``document`` is JSON as it was sent; ``files`` are parts by their name."""

    document: bytes
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    packed: PackedSpec | None = None

    def as_sent(self, error: InvalidSpec) -> InvalidSpec:
        """The error, with the places of what the client sent."""
        return self.packed.as_sent(error) if self.packed else error

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return len(self.document) + sum(map(len, self.files.values()))


def media_type(request: Request) -> str:
    """The request's media type without parameters, in lower case."""
    return (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()


async def read_spec(request: Request, limits: LimitSettings) -> Upload:
    """A JSON body, the same in msgpack, or a multipart one: its part ``spec`` is the JSON, its others are files.

    Raises Refused for another media type, unreadable multipart or too many parts; MalformedDocument for what isn't
    msgpack; InvalidSpec for wrong parts.
    """
    kind = media_type(request)
    if kind == JSON:
        return Upload(await request.body())
    if kind == MSGPACK:
        return await _packed(await request.body())
    document, files, broken = await _parts(request, limits, (JSON, MULTIPART, MSGPACK))
    if document is None:
        broken.append((f"/{SPEC_PART}", "the multipart body needs a part of this name with the JSON"))
    if broken:
        raise InvalidSpec(*broken)
    return Upload(document or b"", files)


async def _packed(body: bytes) -> Upload:
    large = len(body) > SMALL_BYTES
    packed = await to_thread.run_sync(PackedSpec.of, body) if large else PackedSpec.of(body)
    return Upload(packed.document, packed.files, packed)


async def read_json(request: Request, adapter: TypeAdapter[_Model]) -> _Model:
    """The value of a JSON body. Raises Refused for another media type or too long a body, else as ``parse``."""
    return parse(adapter, await _document(request, (JSON,), MAX_DOCUMENT))


async def read_yaml(request: Request, limit: int) -> str:
    """The text of a YAML body. Raises Refused for another media type or too long a body, MalformedYaml."""
    try:
        return (await _document(request, YAML, limit)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedYaml(f"not UTF-8: {error.reason} at byte {error.start}") from None


async def _document(request: Request, takes: Sequence[str], limit: int) -> bytes:
    if media_type(request) not in takes:
        detail = f"send {' or '.join(takes[:2])}"
        raise Refused(415, "unsupported-media-type", detail, {"Accept": ", ".join(takes)})
    document = await request.body()
    if len(document) > limit:
        raise Refused(413, "body-too-large", f"such a document has at most {limit:,} bytes")
    return document


async def read_photo(
    request: Request, limits: LimitSettings, name: str, takes: Sequence[str] = (MULTIPART, *PHOTOS)
) -> Upload:
    """A photo as the body, or a multipart body with one file, the part ``name``. Raises as ``read_spec`` does.

    ``takes``: the media types of the route, for who sends another.
    """
    if media_type(request) in PHOTOS:
        return Upload(b"", {name: await request.body()})
    document, files, broken = await _parts(request, limits, takes)
    if document is not None:
        broken.append((f"/{SPEC_PART}", "not known here; use the query"))
    broken += [
        (f"/{other}", f"not known here; the photo is the part {name!r}") for other in files if other != name
    ]
    if name not in files:
        broken.append((f"/{name}", "the multipart body needs a part of this name with the photo"))
    if broken:
        raise InvalidSpec(*broken)
    return Upload(b"", files)


async def _parts(
    request: Request, limits: LimitSettings, takes: Sequence[str]
) -> tuple[bytes | None, dict[str, bytes], list[tuple[str, str]]]:
    if media_type(request) != MULTIPART:
        detail = f"send {' or '.join(takes)}"
        raise Refused(415, "unsupported-media-type", detail, {"Accept": ", ".join(takes)})
    document: bytes | None = None
    files: dict[str, bytes] = {}
    broken: list[tuple[str, str]] = []
    async with _Form(request, limits) as form:
        for name, value in form.multi_items():
            content = await value.read() if isinstance(value, UploadFile) else value.encode()
            if name in files or (name == SPEC_PART and document is not None):
                broken.append((f"/{name}", "sent twice"))
            elif name == SPEC_PART:
                document = content
            elif isinstance(value, UploadFile):
                files[name] = content
            else:
                broken.append((f"/{name}", "not a file; give the part a filename"))
    return document, files, broken


class _Form:
    """The parsed form; its temporary files are gone afterwards."""

    def __init__(self, request: Request, limits: LimitSettings) -> None:
        self._request = request
        self._limits = limits
        self._form: FormData | None = None

    async def __aenter__(self) -> FormData:
        limits = self._limits
        try:
            self._form = await self._request.form(
                max_files=limits.parts, max_fields=limits.parts, max_part_size=limits.body_bytes
            )
        except Refused:
            raise
        except HTTPException as error:
            if str(error.detail).startswith("Too many"):
                raise Refused(413, "too-many-parts", f"at most {limits.parts} parts are taken") from error
            raise Refused(400, "malformed-multipart", str(error.detail)) from error
        return self._form

    async def __aexit__(self, *_: object) -> None:
        if self._form is not None:
            await self._form.close()
