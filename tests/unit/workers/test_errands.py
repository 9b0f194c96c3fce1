"""Which workers run errands, and which of them refuse to start."""

import pytest

from shared.adapters.memory import MemoryAttemptStore, MemoryJobQueue, MemoryJobs, MemoryJobStore
from shared.devices import Lane
from shared.settings import CallbackSettings, Settings
from workers.errands import errands
from workers.errors import CannotStart


def of(lane: str, secret: str = "") -> list[str]:
    jobs = MemoryJobs()
    settings = Settings(callbacks=CallbackSettings.model_validate({"secret": secret}))
    made = errands(settings, Lane(lane), MemoryAttemptStore(jobs), MemoryJobQueue(), lambda: MemoryJobStore(jobs))
    return [type(one).__name__ for one in made]


def test_only_io_workers_have_errands():
    assert of("io") == ["Courier", "Sweeps"]
    assert of("cpu") == of("gpu.1") == of("cpu.long") == []


def test_a_bad_secret_keeps_the_worker_from_starting():
    with pytest.raises(CannotStart, match="FRAMELANE_CALLBACKS__SECRET must be"):
        of("io", secret="secret-of-ours")
