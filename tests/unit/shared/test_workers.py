"""Lanes as their workers make them."""

from hypothesis import given
from hypothesis import strategies as st

from shared.devices import DeviceInfo, Lane
from shared.workers import LaneBacklog, WorkerInfo, live_lanes
from tests.support.strategies import lane_names

DEVICE = DeviceInfo(id="CPU", family="CPU", full_name="")


def worker(number: int, lane: str, slots: int, busy: int, models: set[str]) -> WorkerInfo:
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
    )


crews = st.lists(
    st.tuples(lane_names, st.integers(1, 8), st.integers(0, 8), st.sets(st.sampled_from("abc"))), max_size=6
).map(lambda each: [worker(number, *fields) for number, fields in enumerate(each)])


@given(crews)
def test_a_lane_lives_as_long_as_somebody_reads_it(crew: list[WorkerInfo]):
    backlog = {"cpu": LaneBacklog(depth=3, oldest_wait_ms=1.0), "dead.lane": LaneBacklog(depth=1)}
    lanes = {lane.name: lane for lane in live_lanes(crew, backlog)}

    assert list(lanes) == sorted({queue for each in crew for queue in each.queues})
    for name, lane in lanes.items():
        readers = [each for each in crew if name in each.queues]
        assert lane.workers == len(readers)
        assert lane.slots == sum(each.concurrency for each in readers)
        assert lane.busy == sum(each.busy for each in readers)
        assert lane.models == {model for each in readers for model in each.models}
        assert lane.backlog == (backlog["cpu"] if name == "cpu" else LaneBacklog())
