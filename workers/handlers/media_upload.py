"""Uploads for the library: put together, look into, store, add."""

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from shared.errors import MediumRefused, UploadUsed
from shared.media_library import MediaLibrary
from shared.results import InstalledModel, MediaUploadResult
from shared.specs import MediaUploadSpec
from shared.uploads import Upload
from workers.assembly import assemble, use_up
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.media_making import Raw, make

log = structlog.stdlib.get_logger()


def build(environment: WorkerEnvironment) -> "MediaUpload":
    """The handler of ``media_upload`` jobs."""
    return MediaUpload(environment)


class MediaUpload:
    """Handler of ``media_upload`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._settings = environment.settings
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon
        self._uploads = environment.uploads
        self._library = MediaLibrary(environment.artifacts, environment.beacon)

    def run(self, context: JobContext) -> MediaUploadResult:
        """See the port. What isn't taken is gone afterwards; after another error the upload can be used again."""
        task = context.task
        if not isinstance(task, MediaUploadSpec):
            msg = f"not an upload of a medium: {task.kind}"
            raise TypeError(msg)
        upload = self._uploads.get(task.upload)
        upload.must_be_ready(context.job.id)
        if upload.used_by:
            return self._added_before(task.name, upload)
        path, sha256 = self._assembled(context, upload)
        try:
            result = self._add(
                context, Raw(path, task.name, task.medium, task.licence, sha256=sha256), replace=task.replace
            )
        except MediumRefused:
            use_up(self._uploads, self._artifacts, upload, context.job.id)
            raise
        use_up(self._uploads, self._artifacts, upload, context.job.id)
        return result

    def _added_before(self, name: str, upload: Upload) -> MediaUploadResult:
        """By an attempt of this job that was lost just before its end."""
        medium = self._beacon.media().get(name)
        if medium is None:
            msg = f"upload {upload.id} was used by this job before, and {name} isn't in the library any more"
            raise UploadUsed(msg)
        return MediaUploadResult(medium=medium, known=True)

    def _assembled(self, context: JobContext, upload: Upload) -> tuple[Path, str]:
        folder = context.scratch / "upload"
        folder.mkdir()
        path = folder / "file"  # the client's name for it is never a path
        whole = assemble(self._artifacts, upload, path, _meter(context, path, upload.offset))
        return path, whole.sha256

    def _add(self, context: JobContext, raw: Raw, *, replace: bool) -> MediaUploadResult:
        context.progress(0.5, "looking", raw.name)
        folder = context.scratch / "making"
        folder.mkdir()
        made = make(raw, folder, self._settings, context.check)
        context.progress(0.8, "storing", raw.name)
        medium = made.medium.model_copy(update={"tenant": context.job.tenant})
        known = self._library.add(medium, made.contents, context.check, replace=replace)
        return MediaUploadResult(medium=medium, known=known)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Uploads need no model."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def _meter(context: JobContext, path: Path, size: int) -> Callable[[], None]:
    """A check that tells how far the file has come."""

    def check() -> None:
        context.check()
        context.progress(0.5 * path.stat().st_size / max(size, 1), "assembling")

    return check
