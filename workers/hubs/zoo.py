"""Files of the Open Model Zoo's storage."""

from pathlib import Path
from urllib.parse import quote

from shared.sources import ZooSource, describe
from workers.hubs import HubTools, Meter, Origin
from workers.hubs.transfer import Transfers


class ZooHub:
    """The storage, or a mirror of it, that the settings name."""

    def __init__(self, tools: HubTools) -> None:
        self._base = tools.settings.omz_url.rstrip("/")
        self._transfers = Transfers(tools, self._base)

    def fetch(self, source: ZooSource, target: Path, meter: Meter) -> Origin:
        """See the port."""
        url = f"{self._base}/{quote(source.omz)}"
        arrived = self._transfers.fetch(url, target, meter)
        return Origin(describe(source), arrived.sum, resumed=arrived.resumed)
