"""Uploaded models: put together, unpacked, looked into by a helper process, stored, registered."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared import model_files
from shared.catalogue import CatalogueEntry
from shared.errors import ChecksumMismatch, InvalidSpec, ModelUnusable, UploadUsed
from shared.results import InstalledModel, ModelUploadResult
from shared.specs import ModelUploadSpec, UploadedFile, UploadedModel
from shared.uploads import Upload
from workers.acceptance import AcceptanceRequest, Accepted, accepted, main_file
from workers.archives import ArchiveRefused, Limits, extract
from workers.assembly import assemble, use_up
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.installation import Installation, stage

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_REFUSALS = (ArchiveRefused, ModelUnusable, ChecksumMismatch, InvalidSpec)
"""After them the same files would be refused again."""

_PACKED: dict[str, dict[str, Any]] = {
    "network": {"accepts": ["image"], "runtimes": ["openvino"]},
    "alphabet_mlp": {
        "accepts": ["landmarks", "tensor", "image"],
        "requires": {"image": ["hand_landmarker"]},
        "runtimes": ["torch", "openvino"],
    },
    "word_lstm": {"accepts": ["sequence"], "runtimes": ["torch", "openvino"]},
}


def build(environment: WorkerEnvironment) -> "ModelUpload":
    """The handler of ``model_upload`` jobs."""
    return ModelUpload(environment)


class ModelUpload:
    """Handler of ``model_upload`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._settings = environment.settings
        self._catalogue = environment.catalogue
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon
        self._uploads = environment.uploads

    def run(self, context: JobContext) -> ModelUploadResult:
        """See the port. What isn't taken is gone afterwards; after another error the uploads can be used again."""
        if not isinstance(context.task, ModelUploadSpec):
            msg = f"not an upload of a model: {context.task.kind}"
            raise TypeError(msg)
        task = context.task.model
        uploads = [self._uploads.get(each.upload) for each in task.files]
        for upload in uploads:
            upload.must_be_ready(context.job.id)
        if all(upload.used_by for upload in uploads):
            return self._installed_before(task.name)
        try:
            installed = self._install(context, task, uploads)
        except _REFUSALS:
            self._use_up(context, uploads)
            raise
        self._use_up(context, uploads)
        return ModelUploadResult(model=installed)

    def _use_up(self, context: JobContext, uploads: Sequence[Upload]) -> None:
        for upload in uploads:
            if not upload.used_by:
                use_up(self._uploads, self._artifacts, upload, context.job.id)

    def _installed_before(self, name: str) -> ModelUploadResult:
        """By an attempt of this job that was lost just before its end."""
        model = self._beacon.models().get(name)
        if model is None:
            msg = f"the files were used by this job before, and {name} isn't installed any more; send them again"
            raise UploadUsed(msg)
        return ModelUploadResult(model=model)

    def _install(self, context: JobContext, task: UploadedModel, uploads: Sequence[Upload]) -> InstalledModel:
        if task.name in self._catalogue.by_name:
            raise InvalidSpec(("/model/name", f"{task.name} is a model of the catalogue; choose another name"))
        folder = context.scratch / "model"
        folder.mkdir()
        for number, (file, upload) in enumerate(zip(task.files, uploads, strict=True)):
            context.progress(0.4 * number / len(uploads), "assemble", upload.filename)
            self._receive(context, f"/model/files/{number}", file, upload, folder)
        context.progress(0.4, "look", task.name)
        main = main_file(folder, task.architecture)
        entry = _entry(task)
        memory = self._settings.models.memory_bytes
        found = accepted(
            AcceptanceRequest(entry=entry, folder=folder, main=main, memory_bytes=memory), context.check
        )
        context.progress(0.8, "store", task.name)
        own = _completed(entry, found).model_dump(mode="json", exclude_defaults=True)
        source = "uploaded: " + ", ".join(upload.filename for upload in uploads)
        staged = stage(task.name, folder, source[:500], context.check, details=found.details, entry=own)
        models = self._settings.models
        with Installation(
            self._artifacts, self._beacon, versions_kept=models.versions_kept, quota=models.quota_bytes
        ) as installation:
            installation.upload(staged, context.check)
            context.check()
            return installation.register(context.check)[task.name]

    def _receive(
        self, context: JobContext, pointer: str, file: UploadedFile, upload: Upload, folder: Path
    ) -> None:
        """The file, or what is in it if it is an archive, beside the others."""
        name = file.name or upload.filename
        if not _NAME.match(name):
            raise InvalidSpec(
                (f"{pointer}/name", f"not a name for a file of a model: {name[:100]!r}; give another")
            )
        if why := model_files.refused(name, file.sha256, pickles=self._settings.models.pickles):
            raise InvalidSpec((pointer, why))
        received = context.scratch / "received"
        got = assemble(self._artifacts, upload, received, context.check)
        if file.sha256 and got.sha256 != file.sha256:
            raise ChecksumMismatch(f"{name}: expected sha256 {file.sha256}, got {got.sha256}")
        if Path(name).suffix.lower() in model_files.ARCHIVES:
            self._unpack(context, received, folder)
        else:
            _move(received, folder / name, pointer)
        received.unlink(missing_ok=True)

    def _unpack(self, context: JobContext, archive: Path, folder: Path) -> None:
        target = context.scratch / "unpacked"
        target.mkdir(exist_ok=True)
        for path in extract(archive, target, self._limits(), context.check):
            if why := model_files.refused(path.name, None, pickles=False, packed=True):
                raise InvalidSpec(("/model/files", why))
            if not _NAME.match(path.name):
                raise InvalidSpec(("/model/files", f"not a name for a file of a model: {path.name[:100]!r}"))
            _move(path, folder / path.name, "/model/files")

    def _limits(self) -> Limits:
        limits = self._settings.archives
        return Limits(entries=limits.entries, total=limits.bytes, each=limits.bytes, ratio=limits.ratio)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Uploads need no model in memory."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def _move(path: Path, target: Path, pointer: str) -> None:
    if target.exists():
        raise InvalidSpec((pointer, f"there are two files called {target.name}"))
    path.rename(target)


def _entry(task: UploadedModel) -> CatalogueEntry:
    return CatalogueEntry(
        name=task.name,
        display_name=task.display_name or task.name,
        category=task.category,
        licence=task.licence,
        architecture=task.architecture,
        description=task.description,
        files=[],
        labels=task.labels,
        model_proc=task.model_proc,
        **_PACKED[task.architecture],
    )


def _completed(entry: CatalogueEntry, found: Accepted) -> CatalogueEntry:
    """With what its files say where nobody said more."""
    told = {
        "labels": found.labels,
        "precisions": [found.precision],
        "inputs": [each.model_dump() for each in found.inputs],
        "outputs": [each.model_dump() for each in found.outputs],
    }
    return CatalogueEntry.model_validate(entry.model_dump() | told)
