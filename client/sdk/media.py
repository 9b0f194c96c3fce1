"""Media and uploads of the blocking client."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
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


class MediaMethods(ABC):
    """What ``Framelane`` can do about media."""

    @abstractmethod
    def _do(self, call: Call[T]) -> T: ...

    def upload(
        self, path: Path, *, resume: str | None = None, progress: Progress = lambda _upload, _offset: None
    ) -> UploadView:
        """Send a file in steps; a broken line is waited for, and gone on with where it broke.

        ``resume``: the id of an upload of this file that was begun before. Raises ClientError for one of another.
        """
        sending = media_calls.Sending(path)
        upload = self._do(media_calls.upload(resume) if resume else sending.begin())
        sending.found(upload)
        progress(upload, sending.offset)
        for offset, content in sending.steps():
            try:
                self._do(media_calls.continue_upload(upload.id, offset, content))
                sending.sent(len(content))
                progress(upload, sending.offset)
            except (ApiProblem, ConnectionFailed) as error:
                self._find_again(sending, upload.id, error)
        return self._do(media_calls.upload(upload.id))

    def upload_medium(
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
        upload = self.upload(path, resume=resume, progress=progress)
        family = media_calls.family_of(path.name)
        return self._do(
            media_calls.use_upload(family, upload.id, name=name, licence=licence, replace=replace, wait=wait)
        )

    def media(self, family: media_calls.Family) -> Iterator[MediumView]:
        """All of the catalogue and of the library, in the order of their names."""
        cursor: str | None = None
        while True:
            found, cursor = self._do(media_calls.media(family, cursor))
            yield from found
            if cursor is None:
                return

    def medium(self, family: media_calls.Family, name: str) -> MediumView:
        """One of them."""
        return self._do(media_calls.medium(family, name))

    def delete_medium(self, family: media_calls.Family, name: str, *, force: bool = False) -> None:
        """Remove it from the library; ``force``: even while something uses it."""
        self._do(media_calls.delete_medium(family, name, force=force))

    def _find_again(
        self, sending: media_calls.Sending, upload_id: str, error: ApiProblem | ConnectionFailed
    ) -> None:
        lost = error
        while True:
            time.sleep(sending.failed(lost))
            try:
                sending.found(self._do(media_calls.upload(upload_id)))
            except (ApiProblem, ConnectionFailed) as again:
                lost = again
            else:
                return
