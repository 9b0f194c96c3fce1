"""Where a job goes."""

from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.devices import AUTO, Device, Lane, LaneClass, family_of
from shared.errors import DeviceUnavailable
from shared.routing import route, task_name
from shared.specs import LANE_CLASSES, CommonSpec, JobKind
from shared.workers import LaneBacklog, LaneState
from tests.support.strategies import device_requests, lane_names


def state(name: str, waiting: int = 0, busy: int = 0, slots: int = 1) -> LaneState:
    return LaneState(
        name=name, workers=1, slots=slots, busy=busy, models=frozenset(), backlog=LaneBacklog(depth=waiting)
    )


def expected_wait(lane: LaneState) -> float:
    return (lane.backlog.depth + lane.busy) / max(lane.slots, 1)


lanes_alive = st.lists(
    st.builds(state, lane_names, st.integers(0, 9), st.integers(0, 4), st.integers(0, 4)),
    unique_by=lambda lane: lane.name,
    max_size=6,
)
kinds = st.sampled_from(get_args(JobKind))


@given(kinds, lanes_alive, st.sets(st.sampled_from(Device), min_size=1))
def test_auto_takes_the_least_wait_among_live_lanes_that_fit(
    kind: JobKind, lanes: list[LaneState], families: set[Device]
):
    lane_class = LANE_CLASSES[kind]
    fitting = [
        lane
        for lane in lanes
        if Lane(lane.name).lane_class is lane_class
        and (lane_class is LaneClass.IO or family_of(Lane(lane.name).device) in families)
    ]
    assume(fitting)

    chosen = route(kind, CommonSpec(priority=7), lanes, families)

    assert chosen.queue in {lane.name for lane in fitting}
    by_name = {lane.name: lane for lane in lanes}
    assert expected_wait(by_name[chosen.queue]) == min(map(expected_wait, fitting))
    assert (chosen.task, chosen.priority) == (f"framelane.{kind}", 7)


@given(kinds, lanes_alive, device_requests.filter(lambda device: device != AUTO))
def test_a_named_device_gets_its_lane_or_nothing(kind: JobKind, lanes: list[LaneState], device: str):
    wanted = Lane.of(device, LANE_CLASSES[kind]).name
    spec = CommonSpec(device=device)
    if wanted in {lane.name for lane in lanes}:
        assert route(kind, spec, lanes).queue == wanted
    else:
        with pytest.raises(DeviceUnavailable) as raised:
            route(kind, spec, lanes)
        assert all(lane.name in raised.value.detail for lane in lanes)
        assert device in raised.value.detail


@given(kinds, lanes_alive)
def test_without_a_lane_that_fits_the_living_are_named(kind: JobKind, lanes: list[LaneState]):
    unfit = [lane for lane in lanes if Lane(lane.name).lane_class is not LANE_CLASSES[kind]]
    with pytest.raises(DeviceUnavailable) as raised:
        route(kind, CommonSpec(), unfit)
    assert all(lane.name in raised.value.detail for lane in unfit)


def test_accelerators_first_among_equals():
    lanes = [state("cpu"), state("npu"), state("gpu.1"), state("gpu")]
    assert route("inference", CommonSpec(), lanes).queue == "gpu"
    assert route("inference", CommonSpec(), lanes, [Device.CPU, Device.NPU]).queue == "npu"
    assert route("inference", CommonSpec(), [state("gpu", waiting=1), state("cpu")]).queue == "cpu"


def test_more_slots_mean_less_wait():
    lanes = [state("cpu", waiting=2, busy=2, slots=8), state("gpu", waiting=1, slots=1)]
    assert route("inference", CommonSpec(), lanes).queue == "cpu"


def test_task_names_are_stable():
    assert {kind: task_name(kind) for kind in get_args(JobKind)} == {
        "inference": "framelane.inference",
        "model_download": "framelane.model_download",
        "media_download": "framelane.media_download",
        "pipeline": "framelane.pipeline",
        "sweep": "framelane.sweep",
    }
