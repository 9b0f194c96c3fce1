"""What a host's devices promise, whether they are this machine's or those that tests believe in."""

import os

import pytest

from shared.devices import family_of
from tests.support.devices import ARC, H200, UHD, FakeDevices, npu
from workers.devices.contract import Devices, Vendor
from workers.devices.machine import Machine


@pytest.fixture(params=["this machine", "elsewhere"], scope="module")
def devices(request: pytest.FixtureRequest) -> Devices:
    return Machine() if request.param == "this machine" else FakeDevices(H200, ARC, UHD, npu())


def test_the_cpu_comes_first_and_ids_are_of_their_families(devices: Devices):
    found = devices.found()
    ids = [each.info.id for each in found]
    assert ids[0] == "CPU"
    assert len(set(ids)) == len(ids)
    gpus = [each for each in ids if family_of(each) == "GPU"]
    assert gpus == [f"GPU.{index}" for index in range(len(gpus))]
    for each in found:
        assert each.info.family is family_of(each.info.id)
        assert each.info.full_name
        assert each.runtime_id
    keys = [each.info.key for each in found]
    assert len(set(keys)) == len(keys), "two lanes share a lease only if they share the hardware"


def test_a_family_alone_is_the_same_part_of_all(devices: Devices):
    found = devices.found()
    for family in ("CPU", "GPU", "NPU"):
        assert devices.found(family) == [each for each in found if each.info.family == family]


def test_what_was_found_is_present_and_has_memory_that_is_part_of_all(devices: Devices):
    for each in devices.found():
        assert devices.present(each.info)
        free, total = devices.free_bytes(each.info), each.info.memory_bytes
        assert free is None or free > 0
        assert free is None or total is None or free <= total


def test_the_cpu_says_its_cores_precisions_and_nodes(devices: Devices):
    (cpu,) = devices.found("CPU")
    assert cpu.vendor is Vendor.NONE
    assert cpu.info.cores == len(os.sched_getaffinity(0))
    assert {"FP32", "INT8"} <= set(cpu.info.capabilities)
    assert (cpu.info.memory_bytes or 0) > 1 << 28
    assert cpu.info.features
    assert (cpu.info.numa_nodes or 1) >= 1


def test_hardware_that_never_was_is_not_present(devices: Devices):
    stranger = H200.info.model_copy(update={"uuid": "GPU-of-another-host"})
    assert isinstance(devices, FakeDevices) or not devices.present(stranger)
    if isinstance(devices, FakeDevices):
        devices.gone.add(H200.info.key)
        assert not devices.present(H200.info)
        assert H200.info.full_name not in [each.info.full_name for each in devices.found("GPU")]
        devices.gone.clear()
