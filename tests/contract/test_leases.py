"""What every store of device leases promises, and that the front door sees them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from shared.adapters.memory import MemoryWorkerDirectory, MemoryWorkers
from shared.adapters.redis_leases import RedisDeviceLeases
from shared.adapters.redis_registry import RedisWorkerDirectory
from shared.ports import DeviceLeases, WorkerDirectory
from tests.support.polling import eventually

HERE = ("host", "GPU-5f3a")


@dataclass
class Rig:
    leases: DeviceLeases
    front: WorkerDirectory


@pytest.fixture(params=["memory", "redis"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "memory":
        shared = MemoryWorkers()
        yield Rig(shared.leases, MemoryWorkerDirectory(shared))
    else:
        settings = request.getfixturevalue("settings")
        leases, front = RedisDeviceLeases(settings), RedisWorkerDirectory(settings)
        yield Rig(leases, front)
        leases.close()
        await front.close()


async def test_one_holder_at_a_time(rig: Rig):
    leases = rig.leases
    assert leases.get(*HERE) is None
    assert leases.acquire(*HERE, "first", 30)
    assert not leases.acquire(*HERE, "second", 30)
    assert leases.acquire(*HERE, "first", 60), "it has it already"
    lease = leases.get(*HERE)
    assert lease is not None
    assert (lease.host, lease.device, lease.holder, lease.yielded) == (*HERE, "first", frozenset())
    assert 30 < lease.left_s <= 60
    assert leases.renew(*HERE, "first", 90)
    assert not leases.renew(*HERE, "second", 90)
    leases.release(*HERE, "second")
    assert leases.get(*HERE), "released by its holder alone"
    leases.release(*HERE, "first")
    assert leases.get(*HERE) is None
    assert not leases.renew(*HERE, "first", 30), "what was given back can't be prolonged"
    assert leases.acquire(*HERE, "second", 30)


async def test_a_dead_holder_s_lease_lapses_with_what_was_noted_in_it(rig: Rig):
    assert rig.leases.acquire(*HERE, "dead", 0.05)
    rig.leases.yield_to(*HERE, "dead", "worker-1")
    assert eventually(lambda: rig.leases.acquire(*HERE, "heir", 60))
    lease = rig.leases.get(*HERE)
    assert lease is not None
    assert (lease.holder, lease.yielded) == ("heir", frozenset())
    assert not rig.leases.renew(*HERE, "dead", 30)


async def test_who_yields_is_noted_for_this_holder_alone(rig: Rig):
    assert rig.leases.acquire(*HERE, "holder", 30)
    rig.leases.yield_to(*HERE, "holder", "worker-1")
    rig.leases.yield_to(*HERE, "another", "worker-2")
    rig.leases.yield_to("elsewhere", HERE[1], "holder", "worker-3")
    lease = rig.leases.get(*HERE)
    assert lease is not None
    assert lease.yielded == {"worker-1"}
    assert rig.leases.renew(*HERE, "holder", 30)
    assert rig.leases.get(*HERE).yielded == {"worker-1"}
    rig.leases.release(*HERE, "holder")
    assert rig.leases.acquire(*HERE, "holder", 30)
    assert rig.leases.get(*HERE).yielded == frozenset()


async def test_leases_of_other_devices_and_hosts_are_others(rig: Rig):
    places = [("a", "CPU"), ("a", 'odd:"name"'), ("b", "CPU"), ("b:CPU", "é")]
    for host, device in reversed(places):
        assert rig.leases.acquire(host, device, f"of {host}", 30)
    assert [(each.host, each.device) for each in rig.leases.list()] == places
    assert [(each.host, each.device, each.holder) for each in await rig.front.leases()] == [
        (host, device, f"of {host}") for host, device in places
    ]
    for host, device in places:
        rig.leases.release(host, device, f"of {host}")
    assert rig.leases.list() == await rig.front.leases() == []
