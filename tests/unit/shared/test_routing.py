"""Where a job goes."""

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.devices import AUTO, Device, Lane, LaneClass, family_of
from shared.errors import DeviceMemory, DeviceUnavailable
from shared.routing import Needs, Policy, choose, expected_ms, obstacle, route, task_name
from shared.specs import LANE_CLASSES, CommonSpec, JobKind
from shared.workers import LaneBacklog, LaneState
from tests.support.strategies import device_requests, lane_names

GIB = 1024**3
WORK = "inference/asl"


def state(name: str, waiting: int = 0, busy: int = 0, slots: int = 1, **said: object) -> LaneState:
    fields = {"workers": 1, "models": frozenset(), **said}
    return LaneState(name=name, slots=slots, busy=busy, backlog=LaneBacklog(depth=waiting), **fields)  # type: ignore[arg-type]


times = st.dictionaries(st.sampled_from([WORK, "*", "pipeline"]), st.floats(0.5, 5_000), max_size=3)
sizes = st.none() | st.integers(0, 8).map(lambda count: count * GIB)
lanes_alive = st.lists(
    st.builds(
        state,
        lane_names,
        st.integers(0, 9),
        st.integers(0, 4),
        st.integers(0, 4),
        ready=st.sampled_from([1, 1, 1, 0]),
        leased=st.sampled_from([False, False, True]),
        models=st.frozensets(st.sampled_from(["asl", "yolo"])),
        runtimes=st.frozensets(st.sampled_from(["torch", "openvino"])),
        capabilities=st.frozensets(st.sampled_from(["FP32", "FP16", "INT8"])),
        memory_bytes=sizes,
        memory_free_bytes=sizes,
        service_ms=times,
    ),
    unique_by=lambda lane: lane.name,
    max_size=6,
)
wants = st.builds(
    Needs,
    families=st.frozensets(st.sampled_from(Device), min_size=1),
    work=st.sampled_from([WORK, "pipeline"]),
    model=st.sampled_from([None, "asl"]),
    memory_bytes=st.sampled_from([0, GIB, 4 * GIB]),
    precisions=st.frozensets(st.sampled_from(["FP32", "FP16", "INT8"]), max_size=2),
    runtimes=st.frozensets(st.sampled_from(["torch", "openvino"]), max_size=2),
)
policies = st.builds(Policy, prefer=st.permutations(list(Device)), close=st.sampled_from([0.0, 0.1, 1.0]))
kinds = st.sampled_from(get_args(JobKind))


def of_the_family(kind: JobKind, lanes: Sequence[LaneState], needs: Needs) -> list[LaneState]:
    lane_class = LANE_CLASSES[kind]
    return [
        lane
        for lane in lanes
        if Lane(lane.name).lane_class is lane_class
        and (lane_class is LaneClass.IO or family_of(Lane(lane.name).device) in needs.families)
    ]


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])  # few lanes suit a job
@given(kinds, lanes_alive, wants, policies)
def test_auto_takes_a_lane_that_can_run_it_and_is_close_to_the_least_wait(
    kind: JobKind, lanes: list[LaneState], needs: Needs, policy: Policy
):
    fitting = [lane for lane in of_the_family(kind, lanes, needs) if obstacle(lane, needs) is None]
    assume(fitting)

    chosen = route(kind, CommonSpec(priority=7), lanes, needs, policy)

    free = [lane for lane in fitting if not lane.leased] or fitting
    assert chosen.queue in {lane.name for lane in free}, "a leased device only where there is no other"
    waits = expected_ms(free, needs.work)
    assert waits[chosen.queue] <= min(waits.values()) * (1 + policy.close)
    better = [lane for lane in free if policy.rank(lane) < policy.rank(lane_of(free, chosen.queue))]
    assert all(waits[lane.name] > min(waits.values()) * (1 + policy.close) for lane in better)
    assert (chosen.task, chosen.priority) == (f"framelane.{kind}", 7)


def lane_of(lanes: Sequence[LaneState], name: str) -> LaneState:
    return next(lane for lane in lanes if lane.name == name)


@given(kinds, lanes_alive, wants)
def test_nothing_is_sent_where_it_can_t_run(kind: JobKind, lanes: list[LaneState], needs: Needs):
    if all(obstacle(lane, needs) for lane in of_the_family(kind, lanes, needs)):
        with pytest.raises(DeviceUnavailable) as raised:
            route(kind, CommonSpec(), lanes, needs)
        assert all(lane.name in raised.value.detail for lane in lanes)
        return
    chosen = lane_of(lanes, route(kind, CommonSpec(), lanes, needs).queue)
    assert chosen.ready
    assert not needs.runtimes or not chosen.runtimes or needs.runtimes & chosen.runtimes
    assert not needs.precisions or not chosen.capabilities or needs.precisions & chosen.capabilities
    room = chosen.memory_bytes if chosen.memory_free_bytes is None else chosen.memory_free_bytes
    assert needs.model in chosen.models or room is None or room >= needs.memory_bytes


@given(lanes_alive, wants, st.integers(1, 9))
def test_a_lane_that_was_not_chosen_isn_t_chosen_for_being_busier(lanes: list[LaneState], needs: Needs, more: int):
    first = choose(lanes, needs)
    assume(first is not None and len(lanes) > 1)
    assert first is not None
    busier = [
        lane
        if lane.name == first.name
        else lane.model_copy(update={"backlog": LaneBacklog(depth=lane.backlog.depth + more)})
        for lane in lanes
    ]
    again = choose(busier, needs, Policy(close=0.0))
    strict = choose(lanes, needs, Policy(close=0.0))
    assert again is not None
    assert strict is not None
    assert again.name in {first.name, strict.name}


@given(st.integers(0, 9), st.integers(1, 4), st.floats(1, 1_000), st.floats(1.5, 100))
def test_of_two_lanes_with_the_same_queue_the_faster_is_taken(depth: int, slots: int, fast: float, factor: float):
    lanes = [
        state("cpu", depth, slots=slots, service_ms={WORK: fast * factor, "*": fast * factor}),
        state("gpu", depth, slots=slots, service_ms={WORK: fast, "*": fast}),
    ]
    for order in (["CPU", "GPU"], ["GPU", "CPU"]):
        assert route("inference", CommonSpec(), lanes, Needs(work=WORK), Policy(prefer=order)).queue == "gpu"


@given(st.integers(0, 40), st.floats(1, 500), st.floats(1, 500))
def test_jobs_overflow_to_the_slower_lane_when_the_queue_of_the_faster_has_grown(
    depth: int, fast: float, slow: float
):
    lanes = [
        state("gpu", depth, service_ms={WORK: fast, "*": fast}),
        state("cpu", service_ms={WORK: slow, "*": slow}),
    ]
    chosen = route("inference", CommonSpec(), lanes, Needs(work=WORK), Policy(close=0.0)).queue
    gpu, cpu = (depth + 1) * fast, slow
    assert chosen == ("gpu" if gpu <= cpu else "cpu")


@given(lanes_alive, wants, st.sampled_from([0.25, 2.0, 1_024.0]))
def test_only_the_ratio_of_times_matters(lanes: list[LaneState], needs: Needs, factor: float):
    scaled = [
        lane.model_copy(update={"service_ms": {name: ms * factor for name, ms in lane.service_ms.items()}})
        for lane in lanes
    ]
    assume(any(needs.work in lane.service_ms or "*" in lane.service_ms for lane in lanes))
    first, second = choose(lanes, needs), choose(scaled, needs)
    assert (first and first.name) == (second and second.name)


@given(lanes_alive, wants, st.randoms())
def test_the_order_in_which_lanes_are_listed_says_nothing(lanes: list[LaneState], needs: Needs, chance):
    shuffled = list(lanes)
    chance.shuffle(shuffled)
    assert choose(lanes, needs) == choose(shuffled, needs)


@given(kinds, lanes_alive, device_requests.filter(lambda device: device != AUTO))
def test_a_named_device_gets_its_lane_or_nothing(kind: JobKind, lanes: list[LaneState], device: str):
    wanted = Lane.of(device, LANE_CLASSES[kind]).name
    spec = CommonSpec(device=device)
    if wanted in {lane.name for lane in lanes if lane.ready}:
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


def test_the_preferred_family_first_among_equals():
    lanes = [state("cpu"), state("npu"), state("gpu.1"), state("gpu")]
    assert route("inference", CommonSpec(), lanes).queue == "gpu"
    assert route("inference", CommonSpec(), lanes, policy=Policy(prefer=["NPU"])).queue == "npu"
    neither = Needs(families=frozenset([Device.CPU, Device.NPU]))
    assert route("inference", CommonSpec(), lanes, neither).queue == "npu"
    assert route("inference", CommonSpec(), [state("gpu", waiting=1), state("cpu")]).queue == "cpu"


def test_more_slots_mean_less_wait():
    lanes = [state("cpu", waiting=2, busy=2, slots=8), state("gpu", waiting=1, slots=1)]
    assert route("inference", CommonSpec(), lanes).queue == "cpu"


def test_a_lane_that_was_never_measured_is_tried():
    lanes = [state("cpu", busy=1, service_ms={WORK: 10.0, "*": 10.0}), state("gpu")]
    assert route("inference", CommonSpec(), lanes, Needs(work=WORK)).queue == "gpu"


def test_what_would_not_fit_goes_elsewhere_or_is_refused_with_the_sizes():
    needs = Needs(work=WORK, model="big", memory_bytes=3 * GIB)
    small = state("gpu", memory_bytes=4 * GIB, memory_free_bytes=GIB)
    large = state("cpu", waiting=50, memory_bytes=64 * GIB, memory_free_bytes=32 * GIB)
    assert route("inference", CommonSpec(), [small, large], needs).queue == "cpu"
    with pytest.raises(DeviceMemory, match=r"gpu \(has 1\.00 GiB free, big takes about 3\.00 GiB\)"):
        route("inference", CommonSpec(device="GPU"), [small, large], needs)
    warm = small.model_copy(update={"models": frozenset(["big"])})
    assert route("inference", CommonSpec(device="GPU"), [warm, large], needs).queue == "gpu"


def test_a_lane_whose_device_is_gone_says_so():
    gone = state("gpu", ready=0, unready="its device disappeared")
    with pytest.raises(DeviceUnavailable, match=r"gpu \(its device disappeared\)") as raised:
        route("inference", CommonSpec(device="GPU"), [gone])
    assert not isinstance(raised.value, DeviceMemory)


def test_task_names_are_stable():
    known = {
        "inference": "framelane.inference",
        "model_download": "framelane.model_download",
        "media_download": "framelane.media_download",
        "pipeline": "framelane.pipeline",
        "sweep": "framelane.sweep",
    }
    assert known.items() <= {kind: task_name(kind) for kind in get_args(JobKind)}.items()
