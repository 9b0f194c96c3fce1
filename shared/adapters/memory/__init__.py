"""Every port in one process, without a service: for tests, and to see how little a port asks."""

from shared.adapters.memory.artifacts import MemoryArtifactStore
from shared.adapters.memory.benchmarks import MemoryBenchmarks, MemoryBenchmarkStore, MemoryBenchmarkWriter
from shared.adapters.memory.core import MemoryJobs
from shared.adapters.memory.events import MemoryEventBus
from shared.adapters.memory.front import MemoryJobStore
from shared.adapters.memory.keys import MemoryKeyStore
from shared.adapters.memory.leases import MemoryDeviceLeases
from shared.adapters.memory.pipelines import MemoryPipelineStore, MemoryVariantWriter
from shared.adapters.memory.queue import MemoryJobQueue, Message
from shared.adapters.memory.sessions import MemoryFrameStore, MemorySessions, MemorySessionStore
from shared.adapters.memory.uploads import MemoryUploadStore
from shared.adapters.memory.workers import MemoryWorkerBeacon, MemoryWorkerDirectory, MemoryWorkers
from shared.adapters.memory.workshop import MemoryAttemptStore

__all__ = [
    "MemoryArtifactStore",
    "MemoryAttemptStore",
    "MemoryBenchmarkStore",
    "MemoryBenchmarkWriter",
    "MemoryBenchmarks",
    "MemoryDeviceLeases",
    "MemoryEventBus",
    "MemoryFrameStore",
    "MemoryJobQueue",
    "MemoryJobStore",
    "MemoryJobs",
    "MemoryKeyStore",
    "MemoryPipelineStore",
    "MemorySessionStore",
    "MemorySessions",
    "MemoryUploadStore",
    "MemoryVariantWriter",
    "MemoryWorkerBeacon",
    "MemoryWorkerDirectory",
    "MemoryWorkers",
    "Message",
]
