"""The doors to who is alive, what is installed, and how much all shall log."""

from typing import Protocol

from shared.log_levels import LogLevels, NewLogLevels
from shared.results import InstalledMedium, InstalledModel
from shared.workers import DeviceLease, WorkerInfo


class WorkerDirectory(Protocol):
    """Who is alive and what is installed, from the front door."""

    async def workers(self) -> list[WorkerInfo]:
        """Workers whose heartbeat is fresh."""
        ...

    async def leases(self) -> list[DeviceLease]:
        """Devices that a job has for itself, by host and device."""
        ...

    async def media(self) -> dict[str, InstalledMedium]:
        """Media of the library by name."""
        ...

    async def models(self) -> dict[str, InstalledModel]:
        """Installed models by name."""
        ...

    async def log_levels(self) -> LogLevels:
        """Those that hold now."""
        ...

    async def set_log_levels(self, wanted: NewLogLevels) -> LogLevels:
        """From now on these hold, instead of all that were set before."""
        ...


class WorkerBeacon(Protocol):
    """The same, from the workshop. Blocking."""

    def announce(self, info: WorkerInfo, ttl_s: float) -> None:
        """This worker is alive for ``ttl_s`` more seconds."""
        ...

    def withdraw(self, worker_id: str) -> None:
        """This worker leaves."""
        ...

    def workers(self) -> list[WorkerInfo]:
        """Workers whose heartbeat is fresh."""
        ...

    def models(self) -> dict[str, InstalledModel]:
        """Installed models by name."""
        ...

    def log_levels(self) -> LogLevels:
        """Those that hold now."""
        ...

    def media(self) -> dict[str, InstalledMedium]:
        """Media of the library by name."""
        ...

    def add_medium(self, medium: InstalledMedium) -> None:
        """The medium's content is in the artifact store, under its sha256. That counts as a use."""
        ...

    def use_medium(self, name: str) -> None:
        """The medium is read now. Nothing happens if there is none."""
        ...

    def unused_media(self, older_than_s: float) -> list[str]:
        """Names of the media that nobody has used for so long."""
        ...

    def remove_medium(self, name: str) -> None:
        """The medium is no longer in the library."""
        ...

    def install(self, model: InstalledModel) -> None:
        """The model's files are in the artifact store, under ``models/<name>/<version>/``."""
        ...

    def uninstall(self, name: str) -> None:
        """The model is no longer installed."""
        ...

    def hold(self, what: str, token: str, ttl_s: float) -> bool:
        """Take, or prolong, the sole right to ``what``, any text. False while another ``token`` has it.

        It lapses after ``ttl_s`` seconds.
        """
        ...

    def release(self, what: str, token: str) -> None:
        """Give the right back; nothing happens if it is another's by now."""
        ...

    def hold_models(self, token: str, ttl_s: float) -> bool:
        """Take, or prolong, the sole right to register models and to delete stored files of theirs.

        False while another ``token`` has it. It lapses after ``ttl_s`` seconds.
        """
        ...

    def release_models(self, token: str) -> None:
        """Give the right back; nothing happens if it is another's by now."""
        ...
