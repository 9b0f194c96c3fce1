"""A device that disappears, and one that a job has for itself."""

import pytest

from shared.adapters.memory import MemoryDeviceLeases
from tests.support.devices import H200, FakeDevices
from tests.support.workshop import CPU
from workers.intake import Intake
from workers.vigil import DeviceVigil, LeaseVigil

GPU = H200.info.model_copy(update={"id": "GPU.0"})


@pytest.fixture
def intake():
    return Intake()


def test_while_the_device_is_gone_no_jobs_are_taken_and_then_the_process_begins_anew(intake):
    devices, restarted = FakeDevices(H200), []
    vigil = DeviceVigil(GPU, devices, intake, 60, restart=lambda: restarted.append(True))
    devices.free[GPU.key] = 7
    vigil.look()
    assert (intake.open, vigil.free_bytes) == (True, 7)

    devices.gone.add(GPU.key)
    vigil.look()
    vigil.look()
    assert intake.unready == "GPU.0 (NVIDIA H200) has disappeared"
    assert (vigil.free_bytes, restarted) == (None, [])

    devices.gone.clear()
    vigil.look()
    assert restarted == [True]
    assert not intake.open, "what its libraries held of the device is lost"


def test_the_cpu_s_free_memory_is_told_as_it_is(intake):
    vigil = DeviceVigil(CPU, FakeDevices(), intake, 60)
    vigil.start()
    vigil.stop()
    assert vigil.free_bytes
    assert vigil.free_bytes > 1 << 20


def test_a_worker_yields_to_a_lease_when_nothing_else_runs_and_takes_jobs_again_afterwards(intake):
    leases = MemoryDeviceLeases()
    vigil = LeaseVigil("worker-1", "here", GPU, leases, intake, 60)
    vigil.look()
    assert intake.open
    with intake.entered("another"):
        assert leases.acquire("here", GPU.key, "bench/3", 30)
        vigil.look()
        assert intake.leased_by == "bench/3"
        assert leases.get("here", GPU.key).yielded == frozenset(), "it still runs something"
    vigil.look()
    assert leases.get("here", GPU.key).yielded == {"worker-1"}
    leases.release("here", GPU.key, "bench/3")
    vigil.look()
    assert intake.open


def test_the_job_that_has_the_lease_may_run_in_the_worker_that_yields(intake):
    leases = MemoryDeviceLeases()
    with intake.entered("bench"):
        assert leases.acquire("here", GPU.key, "bench/3", 30)
        LeaseVigil("worker-1", "here", GPU, leases, intake, 60).look()
    assert leases.get("here", GPU.key).yielded == {"worker-1"}


def test_leases_elsewhere_are_nothing_to_it(intake):
    leases = MemoryDeviceLeases()
    leases.acquire("there", GPU.key, "bench/3", 30)
    leases.acquire("here", CPU.key, "bench/3", 30)
    LeaseVigil("worker-1", "here", GPU, leases, intake, 60).look()
    assert intake.open
