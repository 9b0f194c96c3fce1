"""Every setting, in sections, with its default. No instance lives here: a composition root makes one.

Read from the environment: ``FRAMELANE_<SECTION>__<FIELD>``, for example ``FRAMELANE_REDIS__URL``.
``REDIS_URL`` stands for ``FRAMELANE_REDIS__URL``, ``FRAMELANE_AUTH`` for ``FRAMELANE_AUTH__MODE``.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.access_settings import AuthSettings, JwtSettings, WebSettings
from shared.audit_settings import AuditSettings
from shared.observing_settings import LogLevel, MetricsSettings, TracingSettings
from shared.pipeline_settings import PipelineSettings
from shared.queue_settings import BatchingSettings, QueueSettings
from shared.session_settings import SessionSettings
from shared.socket_settings import SocketSettings
from shared.store_settings import ArtifactSettings, BrokerSettings, RedisSettings

MIB = 1024 * 1024

Container = Literal["mp4", "mov", "matroska", "webm", "avi", "mpegts", "raw"]


class LimitSettings(BaseModel):
    """What one request or caller may ask for."""

    body_bytes: PositiveInt = 32 * MIB
    image_bytes: PositiveInt = 20 * MIB
    image_pixels: PositiveInt = 40_000_000
    parts: Annotated[PositiveInt, Field(description="files of a multipart request")] = 64
    arriving: Annotated[
        PositiveInt,
        Field(description="large files that come to the store as they are sent, for each gateway process"),
    ] = 8
    headers: Annotated[PositiveInt, Field(description="of a request")] = 100
    header_bytes: Annotated[int, Field(ge=1_024, description="of all of a request, with its address")] = 32_768
    header_s: Annotated[PositiveFloat, Field(description="for the head of a request to come")] = 10.0
    body_s: Annotated[PositiveFloat, Field(description="in which a KiB of a body, or its end, must come")] = 60.0
    rows: Annotated[int, Field(ge=1, le=1_000_000, description="of a job, in tensors and apart")] = 200_000
    wait_s: Annotated[PositiveInt, Field(description="longest Prefer: wait and ?wait")] = 60
    page: Annotated[PositiveInt, Field(description="largest ?limit")] = 200
    follower_queue: Annotated[PositiveInt, Field(description="events a slow follower may be behind")] = 256
    ping_s: PositiveFloat = 20.0
    recheck_s: Annotated[
        PositiveFloat, Field(description="followed jobs are compared with their records this often")
    ] = 2.0
    shutdown_s: Annotated[PositiveInt, Field(description="for open requests and sockets at shutdown")] = 10
    threads: Annotated[PositiveInt, Field(description="of a gateway, for blocking calls")] = 40
    lane_depth: Annotated[PositiveInt, Field(description="jobs that wait in a lane; more: 503")] = 500_000
    caller_depth: Annotated[PositiveInt, Field(description="jobs of one caller that wait; more: 429")] = 250_000


class UploadSettings(BaseModel):
    """Files on their way in."""

    bytes: Annotated[PositiveInt, Field(description="largest file")] = 2048 * MIB
    part_bytes: Annotated[
        int, Field(ge=64 * 1024, le=64 * MIB, description="held in memory at once, for each upload in progress")
    ] = 8 * MIB
    parts: Annotated[PositiveInt, Field(description="of one upload; each request of a resumed one makes some")] = (
        4_096
    )
    kept: Annotated[PositiveInt, Field(description="of all clients, until a job has used them")] = 64
    at_once: Annotated[PositiveInt, Field(description="received by one gateway at the same time")] = 8
    silence_s: Annotated[
        PositiveFloat, Field(description="a client that sends nothing for so long makes room for others")
    ] = 30.0
    direct_s: Annotated[
        int, Field(ge=1, le=900, description="to begin sending a file straight to the S3 server")
    ] = 900
    idle_s: Annotated[
        PositiveFloat, Field(description="uploads that nobody went on with, or used, are removed after this")
    ] = 86_400.0


class MediaSettings(BaseModel):
    """What is taken into the library of media."""

    containers: Annotated[
        frozenset[Container], Field(description="of uploaded videos; `raw`: H.264 or H.265 without a container")
    ] = frozenset(get_args(Container))
    codecs: Annotated[frozenset[str], Field(description="of uploaded videos")] = frozenset(
        {"h264", "h265", "mpeg4", "mjpeg", "vp8", "vp9", "av1"}
    )
    video_pixels: Annotated[PositiveInt, Field(description="of one frame")] = 8_192 * 4_320
    archive_bytes: Annotated[PositiveInt, Field(description="largest archive of images")] = 1024 * MIB
    set_bytes: Annotated[PositiveInt, Field(description="of an image set, unpacked")] = 4096 * MIB
    images: Annotated[PositiveInt, Field(description="of an image set")] = 10_000
    probe_s: Annotated[PositiveInt, Field(description="processor time for a look into an uploaded file")] = 600
    probe_bytes: Annotated[PositiveInt, Field(description="address space of whoever looks into one")] = 4096 * MIB
    unused_s: Annotated[
        float, Field(ge=0, description="uploaded media that no job has read for so long are removed; 0: never")
    ] = 0.0


class JobSettings(BaseModel):
    """How jobs are kept and run."""

    events_kept: Annotated[PositiveInt, Field(description="per job, for replay")] = 1_000
    inputs_ttl_s: Annotated[
        PositiveInt,
        Field(description="inputs of failed and cancelled jobs are kept so long; of dead ones as long as these"),
    ] = 3_600
    idempotency_ttl_s: PositiveInt = 86_400
    records_kept: Annotated[PositiveInt, Field(description="metadata records per job, for paging and replay")] = (
        10_000
    )
    retention_s: Annotated[
        PositiveFloat, Field(description="ended jobs and their artifacts are kept this long, unless they say")
    ] = 604_800.0
    sweep_every_s: Annotated[PositiveFloat, Field(description="a sweep job is made this often")] = 3_600.0
    orphan_s: Annotated[PositiveFloat, Field(description="files without a job are removed at this age")] = 86_400.0
    resend_s: Annotated[
        PositiveFloat, Field(description="a job whose message seems lost is queued again after this")
    ] = 5.0
    predict_wait_s: Annotated[PositiveFloat, Field(description="of the synchronous gesture routes")] = 30.0


class CallbackSettings(BaseModel):
    """Delivery of terminal events to ``callback_url``, as Standard Webhooks describes it."""

    secret: Annotated[
        SecretStr,
        Field(description="signs them: `whsec_` and base64 of 24 to 64 bytes; empty: no callbacks taken"),
    ] = SecretStr("")
    timeout_s: Annotated[PositiveFloat, Field(description="of one try")] = 10.0
    first_pause_s: Annotated[
        PositiveFloat, Field(description="after the first failed try; triples, at most 4 h")
    ] = 5.0
    patience_s: Annotated[PositiveFloat, Field(description="tried so long after the job's end")] = 86_400.0
    private_hosts: Annotated[
        list[str], Field(description="names, addresses or networks that may be private; all others must be public")
    ] = []
    per_worker: Annotated[PositiveInt, Field(description="tried at the same time by an io worker")] = 8


class WorkerSettings(BaseModel):
    """A worker process."""

    lane: str = "cpu"
    host: Annotated[
        str,
        Field(
            description="the machine, for leases of its devices; the same in all its containers; empty: its name"
        ),
    ] = ""
    concurrency: Annotated[PositiveInt, Field(description="threads of a fast or io lane")] = 2
    threads: Annotated[int, Field(ge=0, description="of the math libraries; 0: all cores the process may use")] = 0
    cores: Annotated[str, Field(description="CPU affinity, as in 0-3,6; empty: as given")] = ""
    data_dir: Path = Path(".framelane/worker")
    lease_s: PositiveFloat = 15.0
    renew_s: PositiveFloat = 5.0
    heartbeat_s: PositiveFloat = 2.0
    probe_s: Annotated[
        PositiveFloat, Field(description="an accelerator is looked at this often: is it there?")
    ] = 10.0
    lease_look_s: Annotated[
        PositiveFloat, Field(description="how often a worker looks whether a job has its device for itself")
    ] = 0.5
    retry_base_s: Annotated[PositiveFloat, Field(description="first back-off of a retryable error; doubles")] = 1.0
    drain_s: Annotated[
        PositiveFloat, Field(description="for running jobs at shutdown; then they are given to others")
    ] = 8.0
    grace_s: Annotated[
        PositiveFloat, Field(description="for work that was told to stop; then its process is ended without it")
    ] = 3.0
    artifact_patience_s: Annotated[
        PositiveFloat, Field(description="a store of artifacts that doesn't answer is tried again for so long")
    ] = 120.0
    networks: Annotated[PositiveInt, Field(description="networks of pictures that a process keeps in memory")] = 8
    inline_bytes: Annotated[
        int, Field(ge=0, description="raw output of a network that is part of the answer; larger: an artifact")
    ] = 65_536
    preload: Annotated[bool, Field(description="load installed models at start")] = True
    catalogue: Annotated[Path | None, Field(description="default: the one that ships")] = None


class SourceSettings(BaseModel):
    """Where models and media may be fetched from, and how."""

    hosts: Annotated[
        list[str],
        Field(description="names of hosts that files may come from, redirections included; globs: `*` is any"),
    ] = [
        "storage.googleapis.com",
        "storage.openvinotoolkit.org",
        "huggingface.co",
        "*.huggingface.co",
        "*.hf.co",
        "github.com",
        "*.githubusercontent.com",
    ]
    private_hosts: Annotated[
        list[str],
        Field(description="names, addresses or networks that may be private, and be asked by http; also `hosts`"),
    ] = []
    omz_url: Annotated[str, Field(description="the Open Model Zoo's storage")] = (
        "https://storage.openvinotoolkit.org/repositories/open_model_zoo"
    )
    s3_endpoint: Annotated[str, Field(description="host:port of `s3` sources; empty: there are none")] = ""
    s3_region: str = "us-east-1"
    s3_secure: Annotated[bool, Field(description="TLS")] = True
    s3_access_key: Annotated[str, Field(description="empty: unsigned requests")] = ""
    s3_secret_key: SecretStr = SecretStr("")
    folder: Annotated[Path | None, Field(description="of `file` sources, on every io worker; none: no such")] = (
        None
    )
    file_bytes: Annotated[PositiveInt, Field(description="of one file")] = 16 * 1024 * MIB
    free_bytes: Annotated[int, Field(ge=0, description="of the worker's disk, left free")] = 256 * MIB
    concurrency: Annotated[PositiveInt, Field(description="models that a job fetches at the same time")] = 4
    connect_s: PositiveFloat = 10.0
    silence_s: Annotated[
        PositiveFloat, Field(description="a source that sends nothing for so long is given up")
    ] = 30.0
    hold_s: Annotated[
        PositiveFloat, Field(description="so long a download whose worker died keeps others from the same model")
    ] = 20.0
    partial_s: Annotated[
        PositiveFloat, Field(description="the beginning of a file is kept this long, to go on from there")
    ] = 86_400.0


class ModelSettings(BaseModel):
    """The store of models."""

    quota_bytes: Annotated[
        int, Field(ge=0, description="of all installed models together; downloads beyond it fail; 0: no limit")
    ] = 64 * 1024 * MIB
    versions_kept: Annotated[
        int, Field(ge=0, le=20, description="older versions of a model that stay in the store; 0: none")
    ] = 2
    cache_bytes: Annotated[
        PositiveInt,
        Field(description="of models on a worker's disk; those longest not wanted go, but none that is used"),
    ] = 32 * 1024 * MIB
    media_cache_bytes: Annotated[PositiveInt, Field(description="the same, of media")] = 32 * 1024 * MIB
    pickles: Annotated[
        bool,
        Field(
            description="take uploads of `.pt`, `.pth` and `.pkl` files whose sha256 is given; only their tensors"
        ),
    ] = False
    memory_bytes: Annotated[
        int, Field(ge=0, description="address space of a process that looks into an upload; 0: as the worker")
    ] = 0


class ArchiveSettings(BaseModel):
    """What an archive may unpack to."""

    entries: Annotated[PositiveInt, Field(description="files and folders")] = 10_000
    bytes: Annotated[PositiveInt, Field(description="of all its files")] = 4 * 1024 * MIB
    ratio: Annotated[PositiveFloat, Field(description="times as large as packed; a megabyte is always taken")] = (
        100.0
    )


class RoutingSettings(BaseModel):
    """Where jobs with `device: AUTO` go."""

    prefer: Annotated[
        list[Literal["GPU", "NPU", "CPU"]], Field(description="the first wins among lanes that are close")
    ] = ["GPU", "NPU", "CPU"]
    close: Annotated[
        float, Field(ge=0, le=10, description="expected waits that differ by this share are close")
    ] = 0.1
    move_after_s: Annotated[
        PositiveFloat, Field(description="a lane without workers for so long loses its AUTO jobs to others")
    ] = 5.0
    memory_factor: Annotated[
        PositiveFloat, Field(description="memory a model takes, over the size of its file")
    ] = 2.0
    memory_base_bytes: Annotated[int, Field(ge=0, description="of it, whatever the size of the file")] = 64 * MIB


class MeasuringSettings(BaseModel):
    """Benchmarks."""

    foreign_percent: Annotated[
        PositiveFloat,
        Field(le=100, description="of the processors: a run in which others used more is disturbed"),
    ] = 5.0
    disturbed_tries: Annotated[PositiveInt, Field(description="runs in all until one is undisturbed")] = 3
    sample_frames: Annotated[
        PositiveInt, Field(description="looked at to see whether a form of a pipeline finds the same objects")
    ] = 200
    patience_s: Annotated[
        PositiveFloat, Field(description="for a frame of a pipeline that is looked at or validated")
    ] = 60.0
    lease_s: Annotated[
        PositiveFloat, Field(ge=1, description="a device stays taken after its measuring worker was killed")
    ] = 15.0


class LogSettings(BaseModel):
    """What is told, and how."""

    level: Annotated[LogLevel, Field(description="until another is set for all by `framelane log-level`")] = "INFO"
    format: Annotated[Literal["auto", "json", "console"], Field(description="auto: console on a terminal")] = (
        "auto"
    )


def _auth(value: object) -> object:
    """``FRAMELANE_AUTH=off`` says the mode itself."""
    return {"mode": value} if isinstance(value, str) else value


class Environment(EnvSettingsSource):
    """Where ``FRAMELANE_AUTH`` says the mode, the other variables of its section hold too."""

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:
        """As in the library, which takes the one value for all of the section."""
        found: object = super().prepare_field_value(field_name, field, value, value_is_complex)
        if field_name == "auth" and isinstance(found, str):
            return self.explode_env_vars(field_name, field, self.env_vars) | {"mode": found}
        return found


class Settings(BaseSettings):
    """All sections."""

    model_config = SettingsConfigDict(
        env_prefix="FRAMELANE_", env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    redis: RedisSettings = RedisSettings()
    broker: BrokerSettings = BrokerSettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    auth: Annotated[AuthSettings, NoDecode, BeforeValidator(_auth)] = AuthSettings()
    jwt: JwtSettings = JwtSettings()
    web: WebSettings = WebSettings()
    limits: LimitSettings = LimitSettings()
    sockets: SocketSettings = SocketSettings()
    sessions: SessionSettings = SessionSettings()
    batching: BatchingSettings = BatchingSettings()
    queue: QueueSettings = QueueSettings()
    uploads: UploadSettings = UploadSettings()
    media: MediaSettings = MediaSettings()
    jobs: JobSettings = JobSettings()
    callbacks: CallbackSettings = CallbackSettings()
    worker: WorkerSettings = WorkerSettings()
    sources: SourceSettings = SourceSettings()
    models: ModelSettings = ModelSettings()
    archives: ArchiveSettings = ArchiveSettings()
    routing: RoutingSettings = RoutingSettings()
    pipelines: PipelineSettings = PipelineSettings()
    measuring: MeasuringSettings = MeasuringSettings()
    log: LogSettings = LogSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    redis_url: Annotated[str | None, Field(validation_alias=AliasChoices("REDIS_URL"))] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: object,
        **_more: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said here, then the environment."""
        return init_settings, Environment(settings_cls)

    @property
    def store_url(self) -> str:
        """Redis of jobs, events and registries. ``REDIS_URL`` wins over the section."""
        return self.redis_url or self.redis.url

    @property
    def broker_url(self) -> str:
        """Redis of the queues."""
        return self.broker.url or self.store_url
