"""A device for one job alone."""

import threading

import pytest

from shared.adapters.memory import MemoryWorkerBeacon, MemoryWorkers
from shared.errors import DeviceLeased, JobCancelled
from shared.states import JobState
from shared.workers import WorkerInfo
from tests.support.workshop import CPU, Workshop
from workers.exclusive import Exclusive

HERE = ("here", CPU.key)


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


class Host:
    """A host whose workers yield when they are told to."""

    def __init__(self, *workers, ttl_s=30.0):
        self.shared = MemoryWorkers()
        self.leases = self.shared.leases
        self.beacon = MemoryWorkerBeacon(self.shared)
        for name in workers:
            self.announce(name)
        self.exclusive = Exclusive("here", self.leases, self.beacon, ttl_s)

    def announce(self, name, **fields):
        info = {
            "id": name,
            "host": "here",
            "pid": 1,
            "version": "1",
            "lane": "cpu",
            "queues": ["cpu"],
            "device": CPU,
        }
        self.beacon.announce(WorkerInfo(**(info | fields)), 60)


async def test_work_begins_when_every_worker_of_the_device_has_yielded(shop):
    await shop.submit()
    host = Host("a", "b")
    host.announce("c", host="there")
    host.announce("d", unready="gone")
    context = shop.context(shop.claim())
    begun, go_on = threading.Event(), threading.Event()

    def measure():
        with host.exclusive.hold(context, CPU):
            begun.set()
            go_on.wait(10)

    thread = threading.Thread(target=measure)
    thread.start()
    while host.leases.get(*HERE) is None:
        pass
    lease = host.leases.get(*HERE)
    assert lease.holder == f"job/{context.claim.fence}"
    host.leases.yield_to(*HERE, lease.holder, "a")
    assert not begun.wait(0.25)
    host.leases.yield_to(*HERE, lease.holder, "b")
    assert begun.wait(10)
    go_on.set()
    thread.join(10)
    assert host.leases.get(*HERE) is None


async def test_a_job_that_is_cancelled_while_it_waits_gives_the_device_back(shop):
    await shop.submit()
    host = Host("a")
    context = shop.context(shop.claim())
    context.stop(JobCancelled())
    with pytest.raises(JobCancelled), host.exclusive.hold(context, CPU):
        pytest.fail("entered")
    assert host.leases.get(*HERE) is None


async def test_a_lease_that_is_lost_stops_the_work(shop):
    await shop.submit()
    host = Host(ttl_s=0.15)
    context = shop.context(shop.claim())
    with host.exclusive.hold(context, CPU):
        host.leases.release(*HERE, f"job/{context.claim.fence}")
        assert context._halt.wait(10)
    with pytest.raises(DeviceLeased):
        context.check()


async def test_while_another_has_the_device_the_job_waits_at_no_cost(shop):
    host = Host()
    assert host.leases.acquire(*HERE, "other/1", 30)

    def work(context):
        with host.exclusive.hold(context, CPU):
            pytest.fail("entered")

    shop.handler.work = work
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.attempt, [one.error.code for one in job.attempts]) == (
        JobState.PENDING,
        0,
        ["device-leased"],
    )
