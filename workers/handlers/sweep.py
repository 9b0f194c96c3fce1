"""Sweeps: what nobody needs any more is removed.

Safe beside running jobs, crashes and other sweeps: a job's files go before its record, so that whoever comes next
finds what is left to do; and of a job that is known, the files of the attempt that counts are never touched.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shared.jobs import artifact_prefix
from shared.ports import ArtifactStore, AttemptStore, StoredObject
from shared.results import InstalledModel, SweepResult
from shared.specs import SweepSpec
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.tidying import Tidied, Tidying

LONGEST_UPLOAD_S = 3_600.0
"""Uploads that were begun later than this are never removed, whatever age the sweep is asked for."""

_BATCH = 200
_ALL_JOBS = "jobs/"
_ARTIFACT = re.compile(r"jobs/([A-Za-z0-9_-]+)/([0-9]+)/[A-Za-z0-9][A-Za-z0-9._-]*")


def build(environment: WorkerEnvironment) -> "Sweep":
    """The handler of ``sweep`` jobs."""
    settings = environment.settings
    tidying = Tidying(
        environment.artifacts,
        environment.uploads,
        environment.beacon,
        settings.uploads.idle_s,
        settings.media.unused_s,
        settings.jobs.retention_s,
    )
    return Sweep(environment.attempts, environment.artifacts, settings.jobs.orphan_s, tidying)


class Sweep:
    """Handler of ``sweep`` jobs; holds nothing between them.

    ``orphan_s``: for those that don't say; ``tidying``: what there is to do beside jobs.
    """

    def __init__(
        self, store: AttemptStore, artifacts: ArtifactStore, orphan_s: float, tidying: Tidying | None = None
    ) -> None:
        self._tidying = tidying
        self._store = store
        self._artifacts = artifacts
        self._orphan_s = orphan_s

    def run(self, context: JobContext) -> SweepResult:
        """See the port. What was counted by an attempt that was lost isn't counted again."""
        if not isinstance(context.task, SweepSpec):
            msg = f"not a sweep: {context.task.kind}"
            raise TypeError(msg)
        orphan_s = self._orphan_s if context.task.orphan_s is None else context.task.orphan_s
        broom = _Broom(context, self._store, self._artifacts)
        broom.remove_outlived()
        broom.remove_orphans(orphan_s)
        context.progress(0.9, "uploads")
        context.check()
        uploads = self._artifacts.sweep_uploads(max(orphan_s, LONGEST_UPLOAD_S))
        tidied = self._tidying.tidy(orphan_s, context.check) if self._tidying else Tidied()
        return SweepResult(
            jobs=broom.jobs,
            artifacts=broom.artifacts_of_jobs,
            orphans=broom.orphans + tidied.orphans,
            uploads=uploads + tidied.uploads,
            freed_bytes=broom.freed_bytes + tidied.freed_bytes,
            media=tidied.media,
        )

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Sweeps need no model."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class _Broom:
    """What one attempt has removed so far."""

    context: JobContext
    store: AttemptStore
    artifacts: ArtifactStore
    jobs: int = 0
    artifacts_of_jobs: int = 0
    orphans: int = 0
    freed_bytes: int = 0

    def remove_outlived(self) -> None:
        removed = True
        while removed and (batch := self.store.outlived(_BATCH)):
            # A batch of which none is removed any more is being removed by another sweep.
            removed = sum(map(self._remove, batch)) > 0
            self.context.progress(0.0, "jobs", f"{self.jobs} removed")

    def remove_orphans(self, older_than_s: float) -> None:
        found = self._attempts_files(older_than_s)
        while batch := list(islice(found, _BATCH)):
            counting = self.store.holdings(list({job_id for _, job_id, _ in batch}))
            for file, job_id, fence in batch:
                if counting.get(job_id) != fence:
                    self._delete(file)
                    self.orphans += 1
            self.context.progress(0.5, "orphans", f"{self.orphans} removed")

    def _attempts_files(self, older_than_s: float) -> Iterator[tuple[StoredObject, str, int]]:
        """Old files, each with its job and attempt. Whatever isn't named like one is somebody else's."""
        for file in self.artifacts.listing(_ALL_JOBS):
            self.context.check()
            named = _ARTIFACT.fullmatch(file.key)
            if named and file.age_s >= older_than_s:
                yield file, named[1], int(named[2])

    def _remove(self, job_id: str) -> bool:
        """Whether it was this sweep that removed the job."""
        count = 0
        for file in self.artifacts.listing(artifact_prefix(job_id)):
            if _ARTIFACT.fullmatch(file.key):
                self._delete(file)
                count += 1
        self.context.check()
        if not self.store.remove(job_id):
            return False
        self.jobs += 1
        self.artifacts_of_jobs += count
        return True

    def _delete(self, file: StoredObject) -> None:
        self.context.check()
        self.artifacts.delete(file.key)
        self.freed_bytes += file.size
