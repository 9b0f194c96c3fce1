"""Files on their way in: cut into parts as they come, so that little of them is ever in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect

from shared.errors import (
    FramelaneError,
    NoDirectUpload,
    TooManyUploads,
    UploadChanged,
    UploadNotFound,
    UploadStalled,
    UploadTooLarge,
)
from shared.ports import ArtifactStore, UploadForm, UploadStore
from shared.settings import UploadSettings
from shared.uploads import Upload, UploadPart, upload_prefix

_DIRECT = "part-direct"
_ANY_TYPE = "application/octet-stream"

_log = structlog.stdlib.get_logger()

T = TypeVar("T")


class Uploads:
    """Begins them, takes their bytes, removes them."""

    def __init__(
        self, store: UploadStore, artifacts: ArtifactStore, threads: CapacityLimiter, settings: UploadSettings
    ) -> None:
        self.settings = settings
        self._store = store
        self._artifacts = artifacts
        self._threads = threads
        self._receiving = 0

    async def begin(self, filename: str = "", length: int | None = None, sha256: str = "") -> Upload:
        """A new one. Raises TooManyUploads, UploadTooLarge."""
        if length is not None and length > self.settings.bytes:
            raise too_large(self.settings.bytes)
        upload = Upload(
            id=str(uuid4()), filename=_shown(filename), length=length, sha256=sha256, complete=length == 0
        )
        return await self._in_thread(lambda: self._store.create(upload, self.settings.kept))

    async def begin_direct(self, filename: str, length: int, sha256: str) -> tuple[Upload, UploadForm]:
        """A new one whose bytes go straight to the artifact store. Raises NoDirectUpload, and as ``begin``."""
        upload = await self.begin(filename, length, sha256)
        key, expires_s = f"{upload.prefix}{_DIRECT}", self.settings.direct_s
        form = await self._in_thread(lambda: self._artifacts.upload_form(key, length, expires_s))
        if form is None:
            await self.delete(upload.id)
            msg = "this gateway's artifact store takes no files itself; send them by PATCH (tus), or as multipart"
            raise NoDirectUpload(msg)
        return upload, form

    async def finish_direct(self, upload_id: str) -> Upload:
        """The bytes are there; again: nothing happens. Raises UploadNotFound, UploadIncomplete, UploadUsed."""
        upload = await self.get(upload_id)
        if not upload.complete:
            upload = await self._in_thread(lambda: self._finish_direct(upload))
        upload.must_be_ready()
        return upload

    async def get(self, upload_id: str) -> Upload:
        """Raises UploadNotFound."""
        known = canonical(upload_id)
        return await self._in_thread(lambda: self._store.get(known))

    async def ready(self, upload_id: str) -> Upload:
        """One that a job may use. Raises UploadNotFound, UploadIncomplete, UploadUsed."""
        upload = await self.get(upload_id)
        upload.must_be_ready()
        return upload

    async def delete(self, upload_id: str) -> None:
        """The record goes first; parts that can't be removed now are left to a sweep."""
        known = canonical(upload_id)
        await self._in_thread(lambda: self._remove(known))

    async def receive(self, upload: Upload, chunks: AsyncIterator[bytes]) -> Upload:
        """Take the next bytes. What came before the client left, or sent too much, is kept."""
        with self.slot():
            inflow = self.inflow(upload)
            try:
                async for chunk in self.heard(chunks):
                    await inflow.write(chunk)
            except (ClientDisconnect, UploadTooLarge, UploadStalled):
                await inflow.flush()
                raise
            await inflow.flush()
            return inflow.upload

    async def heard(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The same, as long as they come. Raises UploadStalled."""
        silence_s = self.settings.silence_s
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise UploadStalled(f"nothing came for {silence_s:g} s") from None
            yield chunk

    def inflow(self, upload: Upload, most: int | None = None) -> "Inflow":
        """Takes the next bytes of it, at most ``most`` in all. Hold a ``slot`` for as long as it is used."""
        limits = (self.settings.bytes, upload.length, most)
        return Inflow(self, upload, min(each for each in limits if each is not None))

    @contextmanager
    def slot(self) -> Generator[None]:
        """The right to receive. Raises TooManyUploads while none is left."""
        if self._receiving >= self.settings.at_once:
            raise TooManyUploads(f"{self._receiving} files are being received; try again in a moment")
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    async def keep_part(self, upload: Upload, content: bytes) -> Upload:
        """Store the next bytes of it. Raises UploadChanged if others came meanwhile, UploadNotFound."""
        return await self._in_thread(lambda: self._keep_part(upload, content))

    async def complete(self, upload: Upload, digest: str = "") -> Upload:
        """Nothing more comes."""
        return await self._in_thread(lambda: self._store.replace(upload.completed(digest)))

    def _finish_direct(self, upload: Upload) -> Upload:
        for found in self._artifacts.listing(upload.prefix + _DIRECT):
            return self._store.replace(upload.with_part(UploadPart(name=_DIRECT, size=found.size)))
        return upload

    def _keep_part(self, upload: Upload, content: bytes) -> Upload:
        if len(upload.parts) >= self.settings.parts:
            msg = (
                f"an upload has at most {self.settings.parts} parts; begin again, and send more with each request"
            )
            raise UploadTooLarge(msg)
        name = upload.next_part()
        stored = self._artifacts.put_bytes(upload.prefix + name, content, _ANY_TYPE)
        part = UploadPart(name=name, size=stored.size, sha256=stored.sha256)
        try:
            return self._store.replace(upload.with_part(part))
        except (UploadChanged, UploadNotFound):
            self._artifacts.delete(stored.key)
            raise

    def _remove(self, upload_id: str) -> None:
        self._store.remove(upload_id)
        try:
            for key in self._artifacts.keys(upload_prefix(upload_id)):
                self._artifacts.delete(key)
        except FramelaneError as error:
            _log.warning("parts of an upload left behind", upload=upload_id, reason=error.detail)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await to_thread.run_sync(call, limiter=self._threads)


class Inflow:
    """Collects bytes until they make a part, and stores that. ``sha256`` is of all that was written."""

    def __init__(self, uploads: Uploads, upload: Upload, most: int) -> None:
        self.upload = upload
        self._uploads = uploads
        self._most = most
        self._size = upload.offset
        self._digest = sha256()
        self._waiting = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Raises UploadTooLarge for more than was announced, or is taken; the chunk isn't kept then."""
        if self._size + len(chunk) > self._most:
            raise too_large(self._most)
        self._size += len(chunk)
        self._waiting += chunk
        while len(self._waiting) >= self._uploads.settings.part_bytes:
            await self._store(self._uploads.settings.part_bytes)

    async def flush(self) -> None:
        """Store what is waiting."""
        if self._waiting:
            await self._store(len(self._waiting))

    async def _store(self, size: int) -> None:
        content = bytes(self._waiting[:size])
        del self._waiting[:size]
        await to_thread.run_sync(self._digest.update, content)
        self.upload = await self._uploads.keep_part(self.upload, content)

    async def complete(self) -> Upload:
        """Nothing more comes."""
        await self.flush()
        return await self._uploads.complete(self.upload, self._digest.hexdigest())


def too_large(most: int) -> UploadTooLarge:
    """For a file of more bytes than ``most``."""
    return UploadTooLarge(f"at most {most:,} bytes are taken")


def canonical(upload_id: str) -> str:
    """A UUID in the form that ids are kept in. Raises UploadNotFound for anything else."""
    try:
        return str(UUID(upload_id))
    except ValueError:
        raise UploadNotFound.of(upload_id) from None


def _shown(filename: str) -> str:
    return "".join(each for each in filename if each.isprintable())[:255]
