import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from workers.errors import CannotStart
from workers.hardware import Found, choose, cpu_name, detect, nvidia_gpus, openvino_devices
from workers.pinning import Vendor

CARDS = [
    Found("GPU.0", "Intel(R) Arc(TM) A770", 16 << 30, Vendor.INTEL),
    Found("GPU.1", "Intel(R) UHD Graphics", None, Vendor.INTEL),
]


def test_the_cpu_is_always_there_and_says_its_name_cores_and_memory():
    info, vendor = detect("CPU")
    assert (info.id, info.family, vendor) == ("CPU", "CPU", Vendor.NONE)
    assert info.full_name
    assert info.cores == len(os.sched_getaffinity(0))
    assert info.memory_bytes
    assert info.memory_bytes > 1 << 28


def test_a_cpu_that_says_no_name_is_named_by_its_architecture():
    assert cpu_name(["processor : 0", "model name\t: Fast CPU 9000"]) == "Fast CPU 9000"
    assert os.uname().machine in cpu_name(["processor : 0"])


@pytest.mark.parametrize(("device", "index"), [("GPU", 0), ("GPU.0", 0), ("GPU.1", 1)])
def test_a_device_without_a_number_is_the_first_of_its_family(device, index):
    info, vendor = choose(device, CARDS)
    assert (info.full_name, info.memory_bytes, info.id) == (
        CARDS[index].full_name,
        CARDS[index].memory_bytes,
        device,
    )
    assert vendor is Vendor.INTEL


def test_a_missing_device_is_refused_with_what_there_is_and_what_helps():
    with pytest.raises(CannotStart, match=r"no GPU\.2 here; found: .*A770.*--lane cpu"):
        choose("GPU.2", CARDS)
    with pytest.raises(CannotStart, match="found: none"):
        choose("NPU", [])


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO isn't installed")
def test_openvino_is_asked_in_a_process_of_its_own():
    (cpu,) = [device for device in openvino_devices() if device.id == "CPU"]
    assert cpu.full_name
    assert cpu.vendor is Vendor.INTEL


def test_nvidia_cards_are_those_the_driver_lists():
    assert [card.id for card in nvidia_gpus()] == [f"GPU.{index}" for index in range(len(nvidia_gpus()))]
    assert bool(nvidia_gpus()) == Path("/proc/driver/nvidia/gpus").exists()
