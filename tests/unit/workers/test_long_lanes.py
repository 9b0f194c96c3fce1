"""What differs in a worker of a long lane."""

import pytest

from shared.devices import Lane
from shared.settings import PipelineSettings, Settings, WorkerSettings
from workers.child import _grace_s, _slots


@pytest.mark.parametrize(("lane", "slots"), [("cpu", 2), ("io", 2), ("cpu.long", 1), ("gpu.1.long", 1)])
def test_a_long_lane_runs_one_job_at_a_time_unless_more_are_asked_for(lane, slots):
    assert _slots(WorkerSettings(), Lane(lane)) == slots
    assert _slots(WorkerSettings(concurrency=3), Lane(lane)) == 3


def test_a_pipeline_that_is_stopped_has_time_for_its_files():
    settings = Settings(worker=WorkerSettings(grace_s=3), pipelines=PipelineSettings(stop_s=5))
    assert _grace_s(settings, Lane("cpu")) == 3
    assert 8 < _grace_s(settings, Lane("cpu.long")) < 10
    patient = Settings(worker=WorkerSettings(grace_s=30))
    assert _grace_s(patient, Lane("cpu.long")) == 30
