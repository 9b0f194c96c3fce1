import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.routing import ANY_WORK
from shared.states import JobState
from tests.support.workshop import Workshop
from workers.runner import Runner, WorkerIdentity
from workers.service_times import ServiceTimes

took = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


@given(took)
def test_a_mean_lies_between_the_shortest_and_the_longest(times):
    measured = ServiceTimes()
    for each in times:
        measured.add("inference/asl", each)
    mean = measured.now()["inference/asl"]
    assert min(times) - 0.001 <= mean <= max(times) + 0.001
    assert measured.now()[ANY_WORK] == mean


@given(st.floats(1, 1e3), st.floats(1, 1e3))
def test_the_newest_times_count_most(before, now):
    measured = ServiceTimes()
    measured.add("w", before)
    for _ in range(40):
        measured.add("w", now)
    assert measured.now()["w"] == pytest.approx(now, rel=0.1, abs=0.2)


def test_only_the_latest_works_are_remembered():
    measured = ServiceTimes()
    for number in range(200):
        measured.add(f"inference/{number}", 1.0)
    now = measured.now()
    assert len(now) == 64
    assert {ANY_WORK, "inference/199"} <= now.keys()


async def test_a_runner_measures_what_ended_well(tmp_path):
    shop = Workshop(tmp_path)
    times = ServiceTimes()
    me = WorkerIdentity("w", shop.runner._me.device, shop.scratch_root, 15)
    kinds = {"model_download": shop.handler}
    runner = Runner(me, shop.store, shop.artifacts, kinds, shop.keeper, shop.outbox, times=times)
    await shop.submit("good")
    runner.run("good")
    assert set(times.now()) == {"model_download", ANY_WORK}
    shop.handler.work = lambda _context: 1 / 0
    await shop.submit("bad", max_attempts=1)
    before = times.now()
    runner.run("bad")
    assert (await shop.job("bad")).state is JobState.FAILED
    assert times.now() == before
