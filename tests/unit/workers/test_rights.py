"""Sole rights: one holder at a time, kept while it works, lapsing when it died."""

import threading
import time
from uuid import uuid4

import pytest

from shared.adapters.memory import MemoryWorkerBeacon, MemoryWorkers
from shared.errors import JobCancelled
from workers.rights import held


@pytest.fixture
def beacon():
    return MemoryWorkerBeacon(MemoryWorkers())


def taken(beacon, names, ttl_s, on_wait, token=""):
    return held(beacon, names, token or uuid4().hex, ttl_s, on_wait)


def never(name):
    pytest.fail(f"it waited for {name}")


def test_inside_nobody_else_has_it_and_after_that_anybody_may(beacon):
    with taken(beacon, ["a", "b"], 60, never):
        assert not beacon.hold("a", "other", 60)
        assert not beacon.hold("b", "other", 60)
    with taken(beacon, ["b", "a"], 60, never):
        pass


def test_it_is_kept_longer_than_it_would_last(beacon):
    ended = time.monotonic() + 1.0
    with taken(beacon, ["a"], 0.6, never):
        while time.monotonic() < ended:
            assert not beacon.hold("a", "other", 60)
            threading.Event().wait(0.01)  # whoever keeps it has its turn


def test_another_waits_until_it_is_free(beacon):
    order, waits = [], threading.Event()

    def other():
        with taken(beacon, ["a"], 60, lambda _name: waits.set()):
            order.append("other")

    with taken(beacon, ["a"], 60, never):
        thread = threading.Thread(target=other)
        thread.start()
        assert waits.wait(30)
        order.append("first")
    thread.join(30)
    assert order == ["first", "other"]


def test_a_holder_that_died_is_waited_for_no_longer_than_that(beacon):
    begun = time.monotonic()
    beacon.hold("a", "dead", 0.3)
    with taken(beacon, ["a"], 60, lambda _name: None):
        assert 0.25 < time.monotonic() - begun < 30


def test_who_is_stopped_while_waiting_lets_go_of_what_it_has(beacon):
    beacon.hold("b", "other", 60)

    def stop(name):
        assert name == "b"
        raise JobCancelled

    with pytest.raises(JobCancelled), taken(beacon, ["b", "a"], 60, stop):
        pytest.fail("it had both")
    assert beacon.hold("a", "next", 60)


def test_jobs_for_the_same_models_in_another_order_do_not_wait_for_each_other(beacon):
    done = []

    def work(names):
        for _ in range(4):
            with taken(beacon, names, 60, lambda _name: None):
                done.append(names)

    threads = [threading.Thread(target=work, args=(names,)) for names in (["a", "b"], ["b", "a"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 8


def test_who_comes_again_need_not_wait_for_itself(beacon):
    beacon.hold("a", "job-7", 60)
    with taken(beacon, ["a"], 60, never, token="job-7"):
        assert not beacon.hold("a", "other", 60)
    assert beacon.hold("a", "other", 60)
