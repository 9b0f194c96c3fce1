"""What the gateway is put together from: one adapter for each port."""

from dataclasses import dataclass
from typing import Protocol

from shared.catalogue import Catalogue
from shared.media import MediaCatalogue
from shared.ports import (
    ArtifactStore,
    AttemptStore,
    BenchmarkStore,
    EventBus,
    JobQueue,
    JobStore,
    PipelineStore,
    UploadStore,
    WorkerBeacon,
    WorkerDirectory,
)
from shared.ports.audit import AuditLog
from shared.ports.keys import KeyStore
from shared.ports.sessions import SessionStore


class LinkCheck(Protocol):
    """Whether a link below the gateway's root, given out by an artifact store that has no address, is good."""

    def __call__(self, key: str, query: str) -> str:
        """The filename the link was signed for. Raises PermissionError for another signature or a late one."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The adapters of one process. ``attempts`` are the records of ``store``, for their upkeep.

    ``beacon``: the other face of ``directory``, for what changes the library.

    ``check_link`` is None when the artifact store serves its links itself.
    """

    store: JobStore
    attempts: AttemptStore
    queue: JobQueue
    bus: EventBus
    artifacts: ArtifactStore
    directory: WorkerDirectory
    pipelines: PipelineStore
    benchmarks: BenchmarkStore
    beacon: WorkerBeacon
    uploads: UploadStore
    sessions: SessionStore
    audit: AuditLog
    keys: KeyStore
    catalogue: Catalogue
    media: MediaCatalogue
    check_link: LinkCheck | None = None
