"""A worker that runs logs as much as is set for all: a process on a real Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.redis_registry import RedisWorkerDirectory
from shared.log_levels import NewLogLevels
from shared.settings import Settings
from tests.support.odd_worker import LEDGER, MODULE
from tests.support.processes import System

pytestmark = pytest.mark.service


@pytest.fixture
def system(settings: Settings, tmp_path: Path) -> Iterator[System]:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text("[]")
    made = System(settings, tmp_path, catalogue)
    made.env |= {LEDGER: str(tmp_path / "ledger")}
    yield made
    made.close()


async def test_a_worker_follows_the_level_of_all_workers(system: System, settings: Settings) -> None:
    worker = system.start(module=MODULE)
    directory = RedisWorkerDirectory(settings)
    try:
        await directory.set_log_levels(NewLogLevels(gateways="DEBUG", workers="ERROR"))
        worker.says("log_level_changed", log_level="ERROR", own="INFO")
        quiet, _ = [(await system.ended(await system.submit("done"))).id for _ in range(2)]
        await directory.set_log_levels(NewLogLevels())
        worker.says("log_level_changed", log_level="INFO")
        told = (await system.ended(await system.submit("done"))).id
        worker.says("attempt_ended", job_id=told)
        assert [line for line in worker.lines if line.get("job_id") == quiet] == []
    finally:
        await directory.close()
