"""The body of a request taken apart: its JSON document and the photos beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request
from pydantic import TypeAdapter

from api.errors import MalformedYaml
from api.forms import WholeForm
from api.headers import header
from api.multipart import MultipartReader
from api.packed_bodies import read_packed, spec_of
from api.packed_specs import PackedSpec
from api.problems import Refused
from api.services.arriving import LARGE_BYTES, Arriving
from api.services.documents import parse
from shared.arrived import Blob, content_of
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
    files: dict[str, Blob] = field(default_factory=dict[str, Blob])
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


async def read_spec(request: Request, limits: LimitSettings, arriving: Arriving | None = None) -> Upload:
    """A JSON body, the same in msgpack, or a multipart one: its part ``spec`` is the JSON, its others are files.

    A large file of the latter two is ``arriving``. Raises Refused for another media type, unreadable multipart or
    too many parts; MalformedDocument for what isn't msgpack; InvalidSpec for wrong parts.
    """
    kind = media_type(request)
    if kind == JSON:
        return Upload(await request.body())
    if kind == MSGPACK:
        packed = await _packed(request, arriving)
        return Upload(packed.document, packed.files, packed)
    document, files, broken = await _parts(request, limits, (JSON, MULTIPART, MSGPACK), arriving)
    if document is None:
        broken.append((f"/{SPEC_PART}", "the multipart body needs a part of this name with the JSON"))
    if broken:
        raise InvalidSpec(*broken)
    return Upload(document or b"", files)


def is_large(request: Request) -> bool:
    """Whether ``read_spec`` may come upon a large file."""
    length = header(request.scope, b"content-length")
    return length is None or not length.isdecimal() or int(length) >= LARGE_BYTES


async def _packed(request: Request, arriving: Arriving | None) -> PackedSpec:
    if arriving is not None:
        return await read_packed(request.stream(), arriving)
    return await spec_of(await request.body())


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
    request: Request, limits: LimitSettings, takes: Sequence[str], arriving: Arriving | None = None
) -> tuple[bytes | None, dict[str, Blob], list[tuple[str, str]]]:
    if media_type(request) != MULTIPART:
        detail = f"send {' or '.join(takes)}"
        raise Refused(415, "unsupported-media-type", detail, {"Accept": ", ".join(takes)})
    # So many files, and the spec beside them.
    reader, form = MultipartReader(request.headers["content-type"], limits.parts + 1), WholeForm(arriving)
    async for chunk in request.stream():
        for event in reader.feed(chunk):
            await form.take(event)
    reader.close()
    parts = await form.close()
    document: bytes | None = None
    files: dict[str, Blob] = {}
    broken: list[tuple[str, str]] = []
    for part in parts:
        if part.name in files or (part.name == SPEC_PART and document is not None):
            broken.append((f"/{part.name}", "sent twice"))
        elif part.name == SPEC_PART:
            document = content_of(part.content)
        elif part.filename is not None:
            files[part.name] = part.content
        else:
            broken.append((f"/{part.name}", "not a file; give the part a filename"))
    return document, files, broken
