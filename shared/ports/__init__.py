"""The doors to the outside, as protocols. Each has an adapter for real use and one in memory.

The gateway is asyncio and the workers are threads, so the job store has two faces over the same records:
JobStore (awaitable, for the front door) and AttemptStore (blocking, for the workshop). Every write of either
is one atomic step that checks the transition table, numbers and keeps the event, and publishes it.

All of them raise StoreUnavailable (the queue: BrokerUnavailable) within their socket timeout when the service
behind them doesn't answer.
"""

from shared.ports.artifacts import ArtifactStore, ObjectInfo, StoredObject, UploadForm
from shared.ports.attempts import AttemptStore, Callback, Claim, Ending, Lapsed, Record
from shared.ports.benchmarks import BenchmarkPage, BenchmarkQuery, BenchmarkStore, BenchmarkWriter
from shared.ports.events import EventBus, Published
from shared.ports.jobs import (
    Created,
    JobPage,
    JobQuery,
    JobStore,
    NewJob,
    NumberedRecord,
    RecordPage,
    Seen,
    Staging,
)
from shared.ports.leases import DeviceLeases
from shared.ports.pipelines import PipelineStore, VariantWriter
from shared.ports.queue import Envelope, JobQueue
from shared.ports.uploads import UploadStore
from shared.ports.workers import WorkerBeacon, WorkerDirectory

__all__ = [
    "ArtifactStore",
    "AttemptStore",
    "BenchmarkPage",
    "BenchmarkQuery",
    "BenchmarkStore",
    "BenchmarkWriter",
    "Callback",
    "Claim",
    "Created",
    "DeviceLeases",
    "Ending",
    "Envelope",
    "EventBus",
    "JobPage",
    "JobQuery",
    "JobQueue",
    "JobStore",
    "Lapsed",
    "NewJob",
    "NumberedRecord",
    "ObjectInfo",
    "PipelineStore",
    "Published",
    "Record",
    "RecordPage",
    "Seen",
    "Staging",
    "StoredObject",
    "UploadForm",
    "UploadStore",
    "VariantWriter",
    "WorkerBeacon",
    "WorkerDirectory",
]
