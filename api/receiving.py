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
    """Finished uploads, and the plain fields beside them. ``sha256``: what the caller said the only file has."""

    uploads: list[Upload]
    fields: dict[str, str]
    sha256: str = ""

    @property
    def upload(self) -> Upload:
        """The only one, or the first."""
        return self.uploads[0]


async def receive(
    request: Request,
    uploads: Uploads,
    fields: Collection[str],
    accept: Accept = lambda _filename: None,
    most: int = 1,
) -> Received:
    """A multipart body with ``most`` parts ``file`` at most and some of ``fields``; their order doesn't matter.

    ``accept`` is told a file's name before any of it is taken, and raises for one that it doesn't want. A field
    ``sha256`` is always known: the only file must have it. What fails leaves no upload behind.
    Raises Refused (400, 413, 415), InvalidSpec, UploadTooLarge, TooManyUploads, StoreUnavailable, OutOfSpace.
    """
    if media_type(request) != MULTIPART:
        raise Refused(415, "unsupported-media-type", f"send {MULTIPART}", {"Accept": MULTIPART})
    reader = MultipartReader(request.headers["content-type"], _PARTS)
    form = _Form(uploads, {*fields, "sha256"}, accept, most)
    with uploads.slot():
        try:
            async for chunk in uploads.heard(request.stream()):
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
    most: int
    inflow: Inflow | None = None
    received: list[Upload] = field(default_factory=list[Upload])
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
        if event.name in self.values or (event.name == FILE_PART and self._files >= self.most):
            raise InvalidSpec((f"/{event.name[:100]}", "sent twice" if self.most == 1 else "sent too often"))
        if event.name == FILE_PART:
            await self._complete()
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

    @property
    def _files(self) -> int:
        return len(self.received) + (self.inflow is not None)

    async def _complete(self) -> None:
        if self.inflow is not None:
            self.received.append(await self.inflow.complete())
            self.inflow = None

    async def close(self) -> Received:
        if not self._files:
            raise InvalidSpec((f"/{FILE_PART}", "the multipart body needs a part of this name with the file"))
        fields = {name: value.decode("utf-8", "replace").strip() for name, value in self.values.items()}
        expected = fields.pop("sha256", "").lower()
        await self._complete()
        sums = [upload.sha256 for upload in self.received]
        if expected and sums != [expected]:
            raise InvalidSpec(("/sha256", f"the file came with {', '.join(sums)}; send it again"))
        return Received(self.received, fields, expected)

    async def drop(self) -> None:
        going = [*self.received, *([self.inflow.upload] if self.inflow else [])]
        for upload in going:
            await self.uploads.delete(upload.id)
