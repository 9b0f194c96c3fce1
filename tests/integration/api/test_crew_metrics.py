"""Several gateway processes count together; whichever is asked tells for all."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.settings import Settings
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.polling import eventually

pytestmark = pytest.mark.service

REQUESTS = 30


@pytest.fixture
def gateway(settings: Settings, tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(settings, tmp_path, workers=2) as running:
        yield running


def asked(gateway: GatewayProcess, path: str) -> str:
    """Over a connection of its own, which any of the processes may get."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def live_requests(gateway: GatewayProcess) -> float:
    families = text_string_to_metric_families(asked(gateway, "/metrics"))
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "framelane_http_request_seconds_count" and sample.labels["route"] == "/health/live"
    )


def test_counts_of_all_processes_are_told_by_any_and_outlive_one_that_dies(gateway: GatewayProcess) -> None:
    before = live_requests(gateway)
    for _ in range(REQUESTS):
        asked(gateway, "/health/live")
    assert {live_requests(gateway) for _ in range(6)} == {before + REQUESTS}
    first, *_ = psutil.Process(gateway.process.pid).children()
    first.kill()
    eventually(lambda: first not in psutil.Process(gateway.process.pid).children() or None, 20)
    eventually(lambda: len(psutil.Process(gateway.process.pid).children()) == 2 or None, 20)
    assert live_requests(gateway) == before + REQUESTS
