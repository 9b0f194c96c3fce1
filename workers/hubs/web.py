"""Files at https addresses."""

from pathlib import Path

from shared.sources import UrlSource
from workers.hubs import HubTools, Meter, Origin
from workers.hubs.transfer import Transfers


class WebHub:
    """Redirections are judged as the address is."""

    def __init__(self, tools: HubTools) -> None:
        self._transfers = Transfers(tools)

    def fetch(self, source: UrlSource, target: Path, meter: Meter) -> Origin:
        """See the port."""
        arrived = self._transfers.fetch(source.url, target, meter)
        return Origin(source.url, arrived.sum, resumed=arrived.resumed)
