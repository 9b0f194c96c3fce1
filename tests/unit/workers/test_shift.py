import gc
import os

import pytest
from celery import Celery

from shared.adapters.memory import MemoryWorkerBeacon, MemoryWorkers
from shared.results import InstalledModel
from shared.workers import WorkerInfo
from tests.support.workshop import CPU, Workshop
from workers.intake import Intake
from workers.presence import Presence
from workers.pulse import Pulse
from workers.shift import Crew, Shift

ME = WorkerInfo(id="io@here-1", host="here", pid=os.getpid(), version="1", lane="io", queues=["io"], device=CPU)
TINY = InstalledModel(name="tiny", version="1", files=[], variants=[], source="", installed_at="")


@pytest.fixture(autouse=True)
def thawed():
    """A shift freezes what the collector sees; this process isn't only a worker."""
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("preload", "warmed"), [(True, [["tiny"]]), (False, [])])
def test_models_are_loaded_before_the_first_job_unless_told_otherwise(tmp_path, preload, warmed):
    shop = Workshop(tmp_path)
    beacon = MemoryWorkerBeacon(MemoryWorkers())
    beacon.install(TINY)
    presence = Presence(ME, beacon, [shop.handler], lambda: 0, heartbeat_s=60.0, warm=preload)
    pulse = Pulse(ME.id, lease_s=15.0)
    crew = Crew(shop.runner, Intake(), shop.keeper, shop.outbox, presence, pulse, beside=[], closers=[])
    app = Celery("framelane", set_as_current=False)
    Shift(app, crew, ME.id, ["io"], slots=1, drain_s=1.0, grace_s=1.0)._warm_up()
    assert shop.handler.warmed == warmed
