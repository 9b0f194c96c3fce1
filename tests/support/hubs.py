"""What the tests of hubs share."""

from pathlib import Path

from shared.settings import SourceSettings
from workers.hubs import HubTools
from workers.hubs.partials import Partials
from workers.hubs.room import Room


class Readings:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None]] = []

    def transferred(self, done: int, total: int | None) -> None:
        self.seen.append((done, total))


def tools(work: Path, quota_left: int | None = None, **settings: object) -> HubTools:
    """Of an operator who lets this machine be read."""
    known = SourceSettings.model_validate({"private_hosts": ["127.0.0.1"], **settings})
    return HubTools(known, work / "sources", Partials(work / "partial", 60), Room(known, quota_left))
