"""Where Prometheus asks a worker."""

from typing import Any

import structlog
from prometheus_client import start_http_server

from shared.settings import MetricsSettings
from workers.meters import REGISTRY

log = structlog.stdlib.get_logger()


class Scrape:
    """Answers with this process's figures at a port of its own, if one is set.

    A port that is taken is told in the log: work doesn't need figures.
    """

    def __init__(self, settings: MetricsSettings) -> None:
        self._settings = settings
        self._server: Any = None

    def start(self) -> None:
        """See Errand."""
        if not self._settings.port:
            return
        try:
            self._server, _thread = start_http_server(self._settings.port, self._settings.host, REGISTRY)
        except OSError as error:
            log.error("metrics_not_served", port=self._settings.port, reason=str(error))  # noqa: TRY400 - a sentence

    def stop(self) -> None:
        """See Errand."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
