"""Every error Framelane raises on purpose, as one tree.

FramelaneError
├─ InvalidSpec                 the request is well formed but breaks rules (all of them listed)
├─ JobError
│  ├─ JobNotFound
│  ├─ IllegalTransition        the state table has no such step
│  ├─ JobConflict              the id or idempotency key is taken by another spec
│  ├─ StaleClaim               another attempt holds the job, or it has ended
│  └─ InputsExpired            the inputs of an old job are no longer kept
├─ ModelError
│  ├─ ModelNotInstalled
│  ├─ ModelUnusable            installed, but it can't be loaded or run here
│  ├─ ChecksumMismatch
│  ├─ SourceRefused            the operator doesn't let it be read
│  └─ SourceUnavailable        no source of the model could be read
├─ PipelineError
│  ├─ PipelineNotFound
│  ├─ PipelineExists
│  ├─ PipelineChanged          somebody else changed it meanwhile
│  ├─ PipelineReadOnly         it ships with Framelane
│  └─ PipelineFailed           it can't be built, linked or negotiated, or an element of it failed
├─ MediumNotInstalled
├─ MediumRefused                a file can't become a medium: see ``shared/media_errors.py``
├─ UploadError
│  ├─ UploadNotFound
│  ├─ UploadChanged            its next byte is another one by now
│  ├─ UploadIncomplete
│  ├─ UploadUsed               a job has made something of it already
│  ├─ UploadTooLarge
│  ├─ UploadStalled            its client fell silent
│  ├─ NoDirectUpload           the artifact store has no address of its own
│  └─ TooManyUploads
├─ InputUnreadable             the bytes of an input can't be decoded
├─ ArtifactNotFound
├─ BenchmarkNotFound
├─ OutOfSpace
├─ TooFewRuns                  a figure needs more runs than were measured
├─ Poison                      no attempt outlived its worker, none is left
├─ Stopped                     the work was asked to stop
│  ├─ JobCancelled
│  └─ JobTimedOut
└─ Unavailable
   ├─ DeviceUnavailable        no live worker has the device
   │  └─ DeviceMemory          the model doesn't fit into what is free of its memory
   ├─ DeviceLeased             another job has the device for itself
   ├─ Lost                     the worker of an attempt died
   ├─ WorkerLeaves             the worker handed the attempt back
   ├─ Full
   │  ├─ QueueFull             too many jobs wait in the lane
   │  └─ CallerFull            too many jobs of the caller wait
   ├─ BrokerUnavailable
   └─ StoreUnavailable

A class carries a stable ``code`` and whether trying again can help; it never carries an HTTP status.
The first line of its docstring is the title shown to people.
"""

from typing import ClassVar


class FramelaneError(Exception):
    """Something went wrong in Framelane."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.title()
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The first line of the class's docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


class InvalidSpec(FramelaneError):
    """The request breaks one or more rules."""

    code = "invalid-spec"

    def __init__(self, *broken: tuple[str, str]) -> None:
        """``broken``: (JSON pointer, message) of every rule that doesn't hold."""
        self.broken = broken
        super().__init__("; ".join(f"{pointer or '/'}: {message}" for pointer, message in broken))


class JobError(FramelaneError):
    """The job can't do that."""

    code = "job-error"


class JobNotFound(JobError):
    """There is no such job."""

    code = "job-not-found"


class IllegalTransition(JobError):
    """The job's state doesn't allow this."""

    code = "illegal-transition"


class JobConflict(JobError):
    """The id or key already belongs to a job with another spec."""

    code = "job-conflict"


class StaleClaim(JobError):
    """Another attempt holds this job, or it has ended."""

    code = "stale-claim"


class InputsExpired(JobError):
    """The inputs of this job are no longer kept."""

    code = "inputs-expired"


class ModelError(FramelaneError):
    """The model can't be used."""

    code = "model-error"


class ModelNotInstalled(ModelError):
    """The model is in the catalogue but not installed."""

    code = "model-not-installed"


class ModelUnusable(ModelError):
    """The model is installed but can't run here."""

    code = "model-unusable"


class ChecksumMismatch(ModelError):
    """A downloaded file isn't the one that was pinned."""

    code = "checksum-mismatch"


class SourceRefused(ModelError):
    """The source may not be read."""

    code = "source-refused"


class SourceUnavailable(ModelError):
    """No source of the model could be read."""

    code = "source-unavailable"
    retryable = True


class PipelineError(FramelaneError):
    """The pipeline can't be used."""

    code = "pipeline-error"


class PipelineNotFound(PipelineError):
    """There is no such pipeline or variant."""

    code = "pipeline-not-found"


class PipelineExists(PipelineError):
    """There is a pipeline or variant of this name."""

    code = "pipeline-exists"


class PipelineChanged(PipelineError):
    """Somebody else changed the pipeline meanwhile."""

    code = "pipeline-changed"


class PipelineReadOnly(PipelineError):
    """What ships with Framelane can't be changed."""

    code = "pipeline-read-only"


class PipelineFailed(PipelineError):
    """The pipeline couldn't be run to its end."""

    code = "pipeline-failed"


class MediumNotInstalled(FramelaneError):
    """The medium isn't in the library."""

    code = "medium-not-installed"


class MediumRefused(FramelaneError):
    """The file can't be taken into the library."""

    code = "medium-refused"


class UploadError(FramelaneError):
    """The upload can't be used."""

    code = "upload-error"


class UploadNotFound(UploadError):
    """There is no such upload."""

    code = "upload-not-found"

    @classmethod
    def of(cls, upload_id: str) -> "UploadNotFound":
        """In the same words, whyever it isn't there."""
        return cls(f"there is no upload {upload_id[:100]!r}; it was removed, or never begun")


class UploadChanged(UploadError):
    """The upload has another offset by now."""

    code = "upload-changed"


class UploadIncomplete(UploadError):
    """Bytes of the upload are missing."""

    code = "upload-incomplete"


class UploadUsed(UploadError):
    """A job has used the upload already."""

    code = "upload-used"


class UploadTooLarge(UploadError):
    """The file is too large."""

    code = "file-too-large"


class UploadStalled(UploadError):
    """Nothing of the file came for too long."""

    code = "upload-stalled"


class NoDirectUpload(UploadError):
    """Files go through the gateway here."""

    code = "no-direct-upload"


class TooManyUploads(UploadError):
    """Too many uploads are open."""

    code = "too-many-uploads"


class InputUnreadable(FramelaneError):
    """An input can't be decoded."""

    code = "input-unreadable"


class ArtifactNotFound(FramelaneError):
    """There is no such artifact."""

    code = "artifact-not-found"


class BenchmarkNotFound(FramelaneError):
    """There is no such benchmark."""

    code = "benchmark-not-found"


class OutOfSpace(FramelaneError):
    """The disk is full."""

    code = "out-of-space"


class TooFewRuns(FramelaneError):
    """A figure needs more runs than were measured."""

    code = "too-few-runs"


class Poison(FramelaneError):
    """Its attempts were lost with their workers."""

    code = "poison"


class Stopped(FramelaneError):
    """The work was asked to stop."""

    code = "stopped"


class JobCancelled(Stopped):
    """The job was cancelled."""

    code = "cancelled"


class JobTimedOut(Stopped):
    """The job ran longer than its timeout."""

    code = "timeout"


class Unavailable(FramelaneError):
    """A part Framelane needs doesn't answer."""

    code = "unavailable"
    retryable = True


class DeviceUnavailable(Unavailable):
    """No live worker has the requested device."""

    code = "device-unavailable"


class DeviceMemory(DeviceUnavailable):
    """The device has too little free memory."""

    code = "device-memory"


class DeviceLeased(Unavailable):
    """Another job has the device for itself."""

    code = "device-leased"


class Lost(Unavailable):
    """The worker of this attempt was lost."""

    code = "lost"


class WorkerLeaves(Unavailable):
    """The worker shut down before the work was done."""

    code = "worker-left"


class Full(Unavailable):
    """Too many jobs wait."""

    code = "full"
    retry_after_s: float | None = None
    """When there will be room, as far as somebody could tell."""


class QueueFull(Full):
    """Too many jobs wait in the lane."""

    code = "queue-full"


class CallerFull(Full):
    """Too many jobs of the caller wait."""

    code = "too-many-jobs"


class BrokerUnavailable(Unavailable):
    """The queue can't be reached."""

    code = "broker-unavailable"


class StoreUnavailable(Unavailable):
    """The job or artifact store can't be reached."""

    code = "store-unavailable"
