"""The files jobs leave behind."""

import asyncio

import structlog
from anyio import CapacityLimiter, to_thread

from shared.errors import ArtifactNotFound, FramelaneError
from shared.jobs import JobRecord, artifact_key, artifact_prefix
from shared.ports import ArtifactStore, JobStore

_REMOVAL_S = 0.9

_log = structlog.stdlib.get_logger()


class JobFiles:
    """Finds and removes them. ``link_ttl_s``: how long a link is good."""

    def __init__(
        self, store: JobStore, artifacts: ArtifactStore, threads: CapacityLimiter, link_ttl_s: int
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._threads = threads
        self._link_ttl_s = link_ttl_s

    async def link(self, record: JobRecord, name: str) -> str:
        """A short-lived URL (or a path below our root) of one file. Raises ArtifactNotFound."""
        if all(artifact.name != name for artifact in record.artifacts):
            msg = f"the job has no artifact {name[:100]!r}"
            raise ArtifactNotFound(msg)
        key = artifact_key(record.id, record.fence, name)
        return await to_thread.run_sync(self._artifacts.link, key, self._link_ttl_s, name, limiter=self._threads)

    async def delete_job(self, job_id: str) -> None:
        """Remove a job that has ended, and its files. Raises IllegalTransition, JobNotFound.

        The record goes first: it decides, at once, whether the job has ended. A file that can't be removed soon is
        logged and left to a sweep.
        """
        await self._store.delete(job_id)
        try:
            async with asyncio.timeout(_REMOVAL_S):
                await to_thread.run_sync(
                    self._remove_files, artifact_prefix(job_id), limiter=self._threads, abandon_on_cancel=True
                )
        except TimeoutError:
            _log.warning("artifacts may be left behind", job_id=job_id, reason="the store is slow")
        except FramelaneError as error:
            _log.warning("artifacts left behind", job_id=job_id, reason=error.detail)

    def _remove_files(self, prefix: str) -> None:
        for key in self._artifacts.keys(prefix):
            self._artifacts.delete(key)
