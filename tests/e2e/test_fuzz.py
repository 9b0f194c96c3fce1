"""A little of ``make fuzz``."""

from pathlib import Path

import httpx2
import pytest

from shared.settings import Settings
from tests.support.fuzzing import run
from tests.support.gateway_process import gateway_process

pytestmark = pytest.mark.service


def test_malformed_requests_are_problems_of_their_senders(settings: Settings, tmp_path: Path):
    with gateway_process(settings, tmp_path) as serving, httpx2.Client(base_url=serving.url, timeout=30) as client:
        found = run(client, seed=7, count=400)
    assert found.faults == []
    assert sum(found.statuses.values()) == 400
