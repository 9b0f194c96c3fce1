"""A file that comes as one part of a multipart body, into an upload."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from fastapi import Request

from api.multipart import Event, MultipartReader, PartBegins
from api.problems import Refused
from api.services.uploads import Inflow, Uploads
from api.uploads import MULTIPART, media_type
from shared.errors import InvalidSpec
from shared.uploads import Upload

STREAMING = re.compile(r"/api/v1/(?:uploads(?:/[^/]*)?|videos|images|models/upload)/?\Z")
"""Paths of routes that take bodies larger than others do, piece by piece."""

MULTIPART_OVERHEAD = 1024 * 1024
"""Bytes that a multipart body may have beside its file."""

FILE_PART = "file"
_FIELD_BYTES = 64 * 1024
_PARTS = 32

Accept = Callable[[str], int | None]
"""Is told a file's name, and says how many bytes of it are taken; None: as many as of any."""


@dataclass(frozen=True, slots=True)
class Received:
    """A finished upload, and the plain fields beside it."""

    upload: Upload
    fields: dict[str, str]


async def receive(
    request: Request, uploads: Uploads, fields: Collection[str], accept: Accept = lambda _filename: None
) -> Received:
    """A multipart body with the part ``file`` and some of ``fields``; their order doesn't matter.

    ``accept`` is told the file's name before any of it is taken, and raises for one that it doesn't want. A field
    ``sha256`` is always known: the file must have it. What fails leaves no upload behind.
    Raises Refused (400, 413, 415), InvalidSpec, UploadTooLarge, TooManyUploads, StoreUnavailable, OutOfSpace.
    """
    if media_type(request) != MULTIPART:
        raise Refused(415, "unsupported-media-type", f"send {MULTIPART}", {"Accept": MULTIPART})
    reader = MultipartReader(request.headers["content-type"], _PARTS)
    form = _Form(uploads, {*fields, "sha256"}, accept)
    with uploads.slot():
        try:
            async for chunk in request.stream():
                for event in reader.feed(chunk):
                    await form.take(event)
            reader.close()
            return await form.close()
        except BaseException:
            await form.drop()
            raise


@dataclass(slots=True)
class _Form:
    uploads: Uploads
    known: Collection[str]
    accept: Accept
    inflow: Inflow | None = None
    part: str = ""
    values: dict[str, bytearray] = field(default_factory=dict[str, bytearray])

    async def take(self, event: Event) -> None:
        if isinstance(event, PartBegins):
            await self._begin(event)
        elif self.part == FILE_PART and self.inflow is not None:
            await self.inflow.write(event.content)
        else:
            self.values[self.part] += event.content
            if sum(map(len, self.values.values())) > _FIELD_BYTES:
                raise Refused(413, "body-too-large", f"fields beside the file have at most {_FIELD_BYTES:,} bytes")

    async def _begin(self, event: PartBegins) -> None:
        self.part = event.name
        if event.name in self.values or (event.name == FILE_PART and self.inflow is not None):
            raise InvalidSpec((f"/{event.name[:100]}", "sent twice"))
        if event.name == FILE_PART:
            if event.filename is None:
                raise InvalidSpec((f"/{FILE_PART}", "not a file; give the part a filename"))
            most = self.accept(event.filename)
            self.inflow = self.uploads.inflow(await self.uploads.begin(event.filename), most)
        elif event.name in self.known and event.filename is None:
            self.values[event.name] = bytearray()
        else:
            known = ", ".join(sorted(self.known))
            raise InvalidSpec(
                (f"/{event.name[:100]}", f"not known here; the file is {FILE_PART!r}, fields: {known}")
            )

    async def close(self) -> Received:
        if self.inflow is None:
            raise InvalidSpec((f"/{FILE_PART}", "the multipart body needs a part of this name with the file"))
        fields = {name: value.decode("utf-8", "replace").strip() for name, value in self.values.items()}
        expected = fields.pop("sha256", "").lower()
        upload = await self.inflow.complete()
        if expected and expected != upload.sha256:
            raise InvalidSpec(("/sha256", f"the file came with {upload.sha256}; send it again"))
        return Received(upload, fields)

    async def drop(self) -> None:
        if self.inflow is not None:
            await self.uploads.delete(self.inflow.upload.id)
