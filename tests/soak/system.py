"""The system under load: gateway, three workers, Valkey and an S3 server, each with what it needs to be busy."""

import secrets
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client.local import LocalStack
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.leash import leash
from shared.media_library import MediaLibrary
from shared.settings import ArtifactSettings, Settings
from tests.faults.members import MARK
from tests.support import shipped
from tests.support.media import real_video
from tests.support.models import install_into
from tests.support.servers import S3Server
from tests.support.stacks import own_environ
from workers.media_making import Raw, make

LANES = ("cpu", "io", "cpu.long")
MODELS = ("vgt", "lstm", "hand_landmarker", "pose_landmarker", "person-ssdlite")
VIDEO = "carphone"
RETENTION_S = 60
S3 = "s3"
"""A server of others, whose memory is told but not judged."""
_BUCKET = "soak"


@dataclass(frozen=True)
class Soaked:
    """A running system. ``temporary``: the folder for temporary files of all its processes."""

    stack: LocalStack
    s3: S3Server
    artifacts: ArtifactSettings
    key: str
    folder: Path
    temporary: Path

    @property
    def roots(self) -> dict[str, int]:
        """Process ids by part, the S3 server's too."""
        assert self.s3.process
        return {**self.stack.pids(), S3: self.s3.process.pid}


@contextmanager
def running(folder: Path, mark: str) -> Generator[Soaked]:
    """One whose callers need a key. ``mark``: in the environment of its processes."""
    s3, temporary, key = S3Server(folder / "s3", leash(signal.SIGKILL)), folder / "tmp", secrets.token_urlsafe(32)
    s3.data_dir.mkdir()
    temporary.mkdir()
    s3.start()
    try:
        store = s3.settings(_BUCKET)
        environ = own_environ() | _settings(store, key) | {MARK: mark, "TMPDIR": str(temporary)}
        with LocalStack(folder / "data", lanes=LANES, environ=environ) as stack:
            _furnish(stack, store, folder / "making")
            yield Soaked(stack, s3, store, key, folder, temporary)
    finally:
        s3.stop()


def _settings(store: ArtifactSettings, key: str) -> dict[str, str]:
    """What is kept for a day by default goes within a minute or two, so that its going is part of the run."""
    return {
        "FRAMELANE_AUTH__MODE": "keys",
        "FRAMELANE_AUTH__ADMIN_KEY": key,
        "FRAMELANE_ARTIFACTS__KIND": "s3",
        "FRAMELANE_ARTIFACTS__ENDPOINT": store.endpoint,
        "FRAMELANE_ARTIFACTS__BUCKET": store.bucket,
        "FRAMELANE_ARTIFACTS__SECURE": "false",
        "FRAMELANE_ARTIFACTS__ACCESS_KEY": store.access_key,
        "FRAMELANE_ARTIFACTS__SECRET_KEY": store.secret_key.get_secret_value(),
        "FRAMELANE_JOBS__RETENTION_S": str(RETENTION_S),
        "FRAMELANE_JOBS__SWEEP_EVERY_S": str(RETENTION_S / 2),
        "FRAMELANE_JOBS__INPUTS_TTL_S": str(RETENTION_S),
        "FRAMELANE_JOBS__IDEMPOTENCY_TTL_S": str(RETENTION_S),
        "FRAMELANE_UPLOADS__IDLE_S": str(RETENTION_S),
        "FRAMELANE_AUDIT__KEPT": "1000",
        "FRAMELANE_SESSIONS__IDLE_S": str(RETENTION_S / 2),
    }


def _furnish(stack: LocalStack, store: ArtifactSettings, making: Path) -> None:
    settings = Settings(REDIS_URL=stack.redis_url)
    artifacts, beacon = S3ArtifactStore(store), RedisWorkerBeacon(settings)
    install_into(artifacts, beacon, MODELS)
    making.mkdir()
    raw = Raw(real_video(VIDEO), VIDEO, "video", shipped.media().by_name[VIDEO].licence, listed=True)
    made = make(raw, making, settings, lambda: None)
    MediaLibrary(artifacts, beacon).add(made.medium, made.contents, lambda: None, replace=True)
    beacon.close()
