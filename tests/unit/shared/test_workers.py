"""Lanes as their workers make them."""

from hypothesis import given
from hypothesis import strategies as st

from shared.devices import DeviceInfo, Lane
from shared.workers import LaneBacklog, WorkerInfo, live_lanes
from tests.support.strategies import lane_names

DEVICE = DeviceInfo(id="CPU", family="CPU", full_name="")


def worker(
    number: int,
    lane: str,
    slots: int,
    busy: int,
    models: set[str],
    unready: str | None = None,
    leased_by: str | None = None,
) -> WorkerInfo:
    return WorkerInfo(
        id=str(number),
        host="h",
        pid=number,
        version="1",
        lane=lane,
        queues=list(Lane(lane).queues),
        device=DEVICE,
        models=sorted(models),
        concurrency=slots,
        busy=busy,
        unready=unready,
        leased_by=leased_by,
        service_ms={"*": float(number + 1)},
    )


crews = st.lists(
    st.tuples(
        lane_names,
        st.integers(1, 8),
        st.integers(0, 8),
        st.sets(st.sampled_from("abc")),
        st.sampled_from([None, None, "gone"]),
        st.sampled_from([None, "job"]),
    ),
    max_size=6,
).map(lambda each: [worker(number, *fields) for number, fields in enumerate(each)])


@given(crews)
def test_a_lane_lives_as_long_as_somebody_reads_it(crew: list[WorkerInfo]):
    backlog = {"cpu": LaneBacklog(depth=3, oldest_wait_ms=1.0), "dead.lane": LaneBacklog(depth=1)}
    lanes = {lane.name: lane for lane in live_lanes(crew, backlog)}

    assert list(lanes) == sorted({queue for each in crew for queue in each.queues})
    for name, lane in lanes.items():
        readers = [each for each in crew if name in each.queues]
        assert lane.workers == len(readers)
        ready = [each for each in readers if each.unready is None]
        assert lane.ready == len(ready)
        assert (lane.unready is None) == (len(ready) == len(readers))
        assert lane.leased == (bool(ready) and all(each.leased_by for each in ready))
        assert lane.slots == sum(each.concurrency for each in ready)
        assert lane.busy == sum(each.busy for each in ready)
        assert lane.models == {model for each in ready for model in each.models}
        assert set(lane.service_ms) == {work for each in ready for work in each.service_ms}
        assert lane.backlog == (backlog["cpu"] if name == "cpu" else LaneBacklog())


def test_jobs_in_other_queues_of_the_same_workers_are_before_one_too():
    crew = [worker(0, "gpu.0", 1, 0, set()), worker(1, "gpu.1", 1, 0, set()), worker(2, "cpu", 1, 0, set())]
    depths = {"gpu": 6, "gpu.0": 4, "gpu.1": 1, "cpu": 100}
    lanes = live_lanes(crew, {name: LaneBacklog(depth=depth) for name, depth in depths.items()})
    assert {lane.name: lane.beside for lane in lanes} == {"gpu": 5, "gpu.0": 3, "gpu.1": 3, "cpu": 0}


def test_means_are_over_the_workers_that_measured_and_memory_is_that_of_the_roomiest():
    crew = [
        worker(number, "gpu", 1, 0, set()).model_copy(update={"service_ms": times, "memory_free_bytes": free})
        for number, (times, free) in enumerate([({"*": 10.0, "a": 1.0}, 5), ({"*": 20.0}, 9), ({}, 7)])
    ]
    (lane,) = live_lanes(crew, {})
    assert (lane.service_ms, lane.memory_free_bytes, lane.memory_bytes) == ({"*": 15.0, "a": 1.0}, 9, None)
    (unknown,) = live_lanes([*crew, worker(9, "gpu", 1, 0, set())], {})
    assert unknown.memory_free_bytes is None
