"""Where models and media come from: one small plugin per kind of source, behind one port."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from shared.settings import SourceSettings
from shared.sources import Source
from workers.hubs.checksum import Sum
from workers.hubs.partials import Partials
from workers.hubs.room import Room

Source_contra = TypeVar("Source_contra", bound=Source, contravariant=True)


class Meter(Protocol):
    """Is told how a transfer goes."""

    def transferred(self, done: int, total: int | None) -> None:
        """Bytes of the current transfer so far, and of all of it where that is known.

        Called with every piece that comes, and a few times a second while none does (with the same numbers): what
        it raises ends the transfer. The first call tells where it begins: above 0 where it goes on with what an
        earlier one left.
        """
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What was read. ``name``: the source for people, a revision resolved.

    ``sum`` was taken while it was written, if it was; ``announced`` is what the hub itself says of the file.
    ``resumed``: its beginning came with an earlier transfer.
    """

    name: str
    sum: Sum | None = None
    announced: str | None = None
    resumed: bool = False


class Hub(Protocol[Source_contra]):
    """Reads one kind of source. Threads share one."""

    def fetch(self, source: Source_contra, target: Path, meter: Meter) -> Origin:
        """Write the file to ``target``.

        Raises SourceUnavailable, SourceRefused, OutOfSpace; OSError when ``target`` can't be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class HubTools:
    """What a hub is made with. ``folder``: for what is only needed on the way, with the job that needs it."""

    settings: SourceSettings
    folder: Path
    partials: Partials
    room: Room
