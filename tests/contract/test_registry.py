"""What every registry of workers and models promises."""

import time

import pytest

from shared.devices import DeviceInfo
from shared.log_levels import LogLevels, NewLogLevels
from shared.results import InstalledFile, InstalledMedium, InstalledModel
from shared.workers import WorkerInfo
from tests.support.polling import eventually, soon
from tests.support.rigs import Registry

CPU = DeviceInfo(id="CPU", family="CPU", full_name="A processor", memory_bytes=2**34, cores=8)


def worker(name: str, **fields: object) -> WorkerInfo:
    return WorkerInfo(
        id=name, host="host", pid=7, version="1", lane="cpu", queues=["cpu"], device=CPU, models=["asl"], **fields
    )  # type: ignore[arg-type]


def model(name: str, version: str = "0123456789abcdef") -> InstalledModel:
    return InstalledModel(
        name=name,
        version=version,
        files=[InstalledFile(name="weights.pt", size=3, sha256="0" * 64)],
        variants=["torch"],
        source="é",
        installed_at="2026-01-01T00:00:00Z",
    )


async def test_announced_workers_are_found_in_order(registry: Registry):
    before = time.time()
    registry.workshop.announce(worker("b"), 10)
    registry.workshop.announce(worker("a", busy=1, cpu_percent=12.5), 10)

    found = await registry.front.workers()

    assert [each.id for each in found] == ["a", "b"]
    told = found[0]
    assert before - 2 < told.started_at == told.seen_at < time.time() + 2
    assert told == worker("a", busy=1, cpu_percent=12.5, started_at=told.started_at, seen_at=told.seen_at)


async def test_a_later_heartbeat_tells_the_newest_and_keeps_the_start(registry: Registry):
    registry.workshop.announce(worker("a"), 10)
    (first,) = await registry.front.workers()

    registry.workshop.announce(worker("a", busy=2), 10)

    (second,) = await registry.front.workers()
    assert second.busy == 2
    assert second.started_at == first.started_at
    assert second.seen_at > first.seen_at


async def test_a_worker_that_leaves_is_gone_at_once(registry: Registry):
    registry.workshop.announce(worker("a"), 10)
    registry.workshop.announce(worker("b"), 10)

    registry.workshop.withdraw("a")
    registry.workshop.withdraw("nobody")

    assert [each.id for each in await registry.front.workers()] == ["b"]


async def test_a_worker_that_falls_silent_is_gone_soon(registry: Registry):
    registry.workshop.announce(worker("alive"), 30)
    registry.workshop.announce(worker("silent"), 0.05)

    async def gone() -> bool:
        return [each.id for each in await registry.front.workers()] == ["alive"]

    await soon(gone)


async def test_installed_models(registry: Registry):
    assert await registry.front.models() == {}
    registry.workshop.install(model("vgt"))
    registry.workshop.install(model("asl", "old"))
    registry.workshop.install(model("asl"))

    assert list(await registry.front.models()) == ["asl", "vgt"]
    assert await registry.front.models() == {"asl": model("asl"), "vgt": model("vgt")}
    assert registry.workshop.models() == await registry.front.models()

    registry.workshop.uninstall("asl")
    registry.workshop.uninstall("nothing")
    assert list(registry.workshop.models()) == ["vgt"]


def medium(name: str, version: str = "0123456789abcdef") -> InstalledMedium:
    return InstalledMedium(
        name=name,
        version=version,
        kind="video",
        file=InstalledFile(name="a.mp4", size=3, sha256="0" * 64),
        container="mp4",
        codec="h264",
        width=640,
        height=272,
        fps=25.0,
        frames=250,
        duration_s=10.0,
        licence="BSD-3-Clause",
        installed_at="2026-01-01T00:00:00Z",
    )


def test_media_that_nobody_uses(registry: Registry):
    registry.workshop.add_medium(medium("bikes"))
    registry.workshop.use_medium("bikes")
    registry.workshop.use_medium("nothing")

    assert registry.workshop.unused_media(60) == []
    assert registry.workshop.unused_media(0) == ["bikes"]
    registry.workshop.remove_medium("bikes")
    assert registry.workshop.unused_media(0) == []


async def test_media_of_the_library(registry: Registry):
    assert await registry.front.media() == {}
    registry.workshop.add_medium(medium("bikes"))
    registry.workshop.add_medium(medium("a", "old"))
    registry.workshop.add_medium(medium("a"))

    assert list(await registry.front.media()) == ["a", "bikes"]
    assert await registry.front.media() == {"a": medium("a"), "bikes": medium("bikes")}
    assert registry.workshop.media() == await registry.front.media()
    assert registry.workshop.models() == {}

    registry.workshop.remove_medium("a")
    registry.workshop.remove_medium("nothing")
    assert list(registry.workshop.media()) == ["bikes"]


@pytest.mark.parametrize("name", ["a:b", "a b", "é", "*"])
async def test_odd_worker_names(registry: Registry, name: str):
    registry.workshop.announce(worker(name), 10)
    assert [each.id for each in await registry.front.workers()] == [name]
    registry.workshop.withdraw(name)
    assert await registry.front.workers() == []


def test_one_at_a_time_may_change_what_models_there_are(registry: Registry):
    beacon = registry.workshop
    assert beacon.hold_models("first", 30)
    assert not beacon.hold_models("second", 30)
    assert beacon.hold_models("first", 30), "prolonged"
    beacon.release_models("second")
    assert not beacon.hold_models("second", 30), "released by its holder alone"
    beacon.release_models("first")
    assert beacon.hold_models("second", 30)


def test_a_right_is_one_holder_s_at_a_time(registry: Registry):
    beacon = registry.workshop
    assert beacon.hold("download:é b", "first", 30)
    assert not beacon.hold("download:é b", "second", 30)
    assert beacon.hold("download:other", "second", 30), "rights of other names are other rights"
    assert beacon.hold_models("second", 30)
    assert beacon.hold("download:é b", "first", 30), "prolonged"
    beacon.release("download:é b", "second")
    assert not beacon.hold("download:é b", "second", 30), "released by its holder alone"
    beacon.release("download:é b", "first")
    beacon.release("nothing", "first")
    assert beacon.hold("download:é b", "second", 0.05)
    assert eventually(lambda: beacon.hold("download:é b", "heir", 60)), "it lapses"


def test_the_right_of_a_holder_that_died_lapses(registry: Registry):
    beacon = registry.workshop
    assert beacon.hold_models("dead", 0.05)
    assert eventually(lambda: beacon.hold_models("heir", 60))
    assert not beacon.hold_models("dead", 30)


async def test_log_levels_are_those_that_were_set_last(registry: Registry):
    assert await registry.front.log_levels() == registry.workshop.log_levels() == LogLevels()
    told = await registry.front.set_log_levels(NewLogLevels(gateways="DEBUG", workers="ERROR", for_s=3_600))
    assert told.until is not None
    assert 3_500 < told.until.timestamp() - time.time() < 3_700
    assert await registry.front.log_levels() == registry.workshop.log_levels() == told
    told = await registry.front.set_log_levels(NewLogLevels(workers="WARNING"))
    assert registry.workshop.log_levels() == told == LogLevels(workers="WARNING")


async def test_log_levels_hold_for_a_while(registry: Registry):
    await registry.front.set_log_levels(NewLogLevels(gateways="DEBUG", for_s=1))

    async def over() -> bool:
        return await registry.front.log_levels() == registry.workshop.log_levels() == LogLevels()

    await soon(over)
