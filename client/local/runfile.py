"""What a running local system leaves in its data directory for those who look for it."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import FramelaneError

DEFAULT_DATA_DIR = Path(".framelane")


class AlreadyRunning(FramelaneError):
    """A local system already runs on this data directory."""

    code = "already-running"


class RunFile(BaseModel):
    """Where the gateway answers, and who runs: the supervisor and its parts by name."""

    model_config = ConfigDict(frozen=True)

    url: str
    pid: int
    pids: dict[str, int] = {}

    @staticmethod
    def path(data_dir: Path) -> Path:
        """The file's place in a data directory."""
        return data_dir / "framelane.json"

    @classmethod
    def read(cls, data_dir: Path) -> Self | None:
        """What is written there; None when there is no file or it isn't one of ours."""
        try:
            return cls.model_validate_json(cls.path(data_dir).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, data_dir: Path) -> None:
        """Replace the file at once: readers see the old one or the new."""
        target = self.path(data_dir)
        fresh = target.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(json.dumps(self.model_dump(), indent=2) + "\n", "utf-8")
        fresh.replace(target)


class DataDirLock:
    """One system per data directory; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    def take(self) -> None:
        """Raises AlreadyRunning, saying who runs there."""
        handle = os.open(self._data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            running = RunFile.read(self._data_dir)
            who = f": process {running.pid}, {running.url}" if running else ", still starting or stopping"
            msg = f"framelane already runs on {self._data_dir}{who}"
            raise AlreadyRunning(msg) from error
        self._file = handle

    def release(self) -> None:
        """No-op if it isn't held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def persistent_key(path: Path) -> str:
    """A random secret kept in ``path``, readable by its owner alone; made on first use."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(32)
        file.write(key)
    return key


def admin_key_path(data_dir: Path) -> Path:
    """Where ``framelane up`` keeps the administrator's key that it made."""
    return data_dir / "admin.key"


def own_key(data_dir: Path) -> str | None:
    """The key that commands on the machine of the local system use; None: the environment's, or none."""
    if os.environ.get("FRAMELANE_API_KEY"):
        return None
    try:
        return admin_key_path(data_dir).read_text("ascii").strip()
    except OSError:
        return None
