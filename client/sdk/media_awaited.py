"""Media and uploads of the awaitable client."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from client.sdk import media_calls
from client.sdk.answers import MediumView, UploadView
from client.sdk.calls import Call
from client.sdk.problems import ApiProblem, ConnectionFailed
from shared.jobs import Job

T = TypeVar("T")
Progress = Callable[[UploadView, int], None]
"""Is told the upload, and how many of its bytes have arrived."""


class AsyncMediaMethods(ABC):
    """What ``AsyncFramelane`` can do about media."""

    @abstractmethod
    async def _do(self, call: Call[T]) -> T: ...

    async def upload(
        self, path: Path, *, resume: str | None = None, progress: Progress = lambda _upload, _offset: None
    ) -> UploadView:
        """Send a file in steps; a broken line is waited for, and gone on with where it broke.

        ``resume``: the id of an upload of this file that was begun before. Raises ClientError for one of another.
        """
        sending = await asyncio.to_thread(media_calls.Sending, path)
        upload = await self._do(media_calls.upload(resume) if resume else sending.begin())
        sending.found(upload)
        progress(upload, sending.offset)
        for offset, content in sending.steps():
            try:
                await self._do(media_calls.continue_upload(upload.id, offset, content))
                sending.sent(len(content))
                progress(upload, sending.offset)
            except (ApiProblem, ConnectionFailed) as error:
                await self._find_again(sending, upload.id, error)
        return await self._do(media_calls.upload(upload.id))

    async def upload_medium(
        self,
        path: Path,
        *,
        name: str | None = None,
        licence: str = "",
        replace: bool = False,
        wait: float | None = None,
        resume: str | None = None,
        progress: Progress = lambda _upload, _offset: None,
    ) -> Job:
        """Send a video, a photo or an archive of images; the job that looks into it and adds it to the library."""
        upload = await self.upload(path, resume=resume, progress=progress)
        family = media_calls.family_of(path.name)
        return await self._do(
            media_calls.use_upload(family, upload.id, name=name, licence=licence, replace=replace, wait=wait)
        )

    async def media(self, family: media_calls.Family) -> AsyncIterator[MediumView]:
        """All of the catalogue and of the library, in the order of their names."""
        cursor: str | None = None
        while True:
            found, cursor = await self._do(media_calls.media(family, cursor))
            for each in found:
                yield each
            if cursor is None:
                return

    async def medium(self, family: media_calls.Family, name: str) -> MediumView:
        """One of them."""
        return await self._do(media_calls.medium(family, name))

    async def delete_medium(self, family: media_calls.Family, name: str, *, force: bool = False) -> None:
        """Remove it from the library; ``force``: even while something uses it."""
        await self._do(media_calls.delete_medium(family, name, force=force))

    async def _find_again(
        self, sending: media_calls.Sending, upload_id: str, error: ApiProblem | ConnectionFailed
    ) -> None:
        lost = error
        while True:
            await asyncio.sleep(sending.failed(lost))
            try:
                sending.found(await self._do(media_calls.upload(upload_id)))
            except (ApiProblem, ConnectionFailed) as again:
                lost = again
            else:
                return
