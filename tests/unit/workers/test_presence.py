import os

import pytest

from shared.adapters.memory import MemoryWorkerBeacon, MemoryWorkerDirectory, MemoryWorkers
from shared.errors import StoreUnavailable
from shared.results import InstalledModel
from shared.workers import WorkerInfo
from tests.support.workshop import CPU, ScriptedHandler
from workers.presence import Presence

ME = WorkerInfo(id="io@here-1", host="here", pid=os.getpid(), version="1", lane="io", queues=["io"], device=CPU)


class Hand:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def shared_workers(hand):
    return MemoryWorkers(hand)


@pytest.fixture
def beacon(shared_workers):
    return MemoryWorkerBeacon(shared_workers)


@pytest.fixture
def directory(shared_workers):
    return MemoryWorkerDirectory(shared_workers)


@pytest.fixture
def handler():
    return ScriptedHandler()


@pytest.fixture
def presence(beacon, handler):
    return Presence(ME, beacon, [handler], lambda: 1, heartbeat_s=2.0)


def model(name, version="1"):
    return InstalledModel(name=name, version=version, files=[], variants=[], source="", installed_at="")


async def test_a_heartbeat_says_what_the_process_is_and_does(presence, directory, beacon):
    beacon.install(model("tiny"))
    presence.warm_new()
    presence.beat()
    (info,) = await directory.workers()
    assert (info.id, info.busy, info.models, info.runtimes) == ("io@here-1", 1, ["tiny"], ["scripted"])
    assert info.rss_bytes
    assert info.rss_bytes > 1 << 20
    assert info.cpu_percent is not None


async def test_a_worker_that_misses_three_heartbeats_is_gone(presence, directory, hand):
    presence.beat()
    hand.now += 5.9
    assert await directory.workers()
    hand.now += 0.2
    assert await directory.workers() == []


async def test_a_worker_that_leaves_is_gone_at_once_and_beats_no_more(presence, directory):
    presence.beat()
    presence.leave()
    presence.beat()
    assert await directory.workers() == []
    presence.leave()


async def test_models_are_warmed_when_they_are_new_or_have_a_new_version(presence, beacon, handler):
    beacon.install(model("tiny"))
    beacon.install(model("other"))
    presence.warm_new()
    presence.warm_new()
    beacon.install(model("tiny", "2"))
    presence.warm_new()
    assert handler.warmed == [["other", "tiny"], ["tiny"]]


async def test_a_model_that_could_not_be_warmed_for_want_of_the_store_is_tried_again(presence, beacon, handler):
    beacon.install(model("tiny"))
    warm, handler.warm = handler.warm, fails
    with pytest.raises(StoreUnavailable):
        presence.warm_new()
    handler.warm = warm
    presence.warm_new()
    assert handler.warmed == [["tiny"]]


def fails(_models):
    raise StoreUnavailable
