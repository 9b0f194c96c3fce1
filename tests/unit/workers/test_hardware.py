"""The device a worker is for, and how this machine is asked."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.devices import ARC, H200, UHD, FakeDevices, npu
from workers.devices import linux, machine, nvml
from workers.devices.machine import Machine, openvino_devices, visible
from workers.errors import CannotStart
from workers.hardware import detect

HOST = FakeDevices(ARC, UHD)
CARDS = [
    {"name": f"card {n}", "uuid": f"GPU-{n}a", "pci": f"00000000:{n:02x}:00.0", "memory": 1, "free": 1}
    for n in range(3)
]


def test_the_cpu_is_always_there():
    found = detect("CPU", Machine())
    assert (found.info.id, found.info.family, found.runtime_id) == ("CPU", "CPU", "CPU")


def test_a_cpu_that_says_no_name_is_named_by_its_architecture():
    assert linux.cpu_name(["processor : 0", "model name\t: Fast CPU 9000"]) == "Fast CPU 9000"
    assert os.uname().machine in linux.cpu_name(["processor : 0"])


@pytest.mark.parametrize(("device", "name"), [("GPU", "A770"), ("GPU.0", "A770"), ("GPU.1", "UHD")])
def test_a_device_without_a_number_is_the_first_of_its_family(device, name):
    found = detect(device, HOST)
    assert name in found.info.full_name
    assert found.info.id == device
    assert found.runtime_id == f"GPU.{0 if name == 'A770' else 1}", "OpenVINO's own name for it"


def test_lanes_of_one_card_share_its_key():
    host = FakeDevices(H200, ARC)
    assert detect("GPU", host).info.key == detect("GPU.0", host).info.key != detect("GPU.1", host).info.key


def test_a_missing_device_is_refused_with_what_there_is_and_what_helps():
    with pytest.raises(CannotStart, match=r"no GPU\.2 here; found: .*A770.*--lane cpu"):
        detect("GPU.2", HOST)
    with pytest.raises(CannotStart, match="found: none"):
        detect("NPU", HOST)
    assert detect("NPU", FakeDevices(npu())).runtime_id == "NPU"


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO isn't installed")
def test_openvino_says_of_the_cpu_what_its_flags_tell():
    (cpu,) = [device for device in openvino_devices() if device["id"] == "CPU"]
    assert cpu["name"]
    told = set(cpu["capabilities"]) & {"FP32", "FP16", "BF16", "INT8"}
    assert set(linux.cpu().capabilities) == told


def test_nvidia_cards_are_those_the_driver_lists():
    gpus = [each for each in Machine().found("GPU") if each.info.vendor == "nvidia"]
    assert bool(gpus) == Path("/proc/driver/nvidia/gpus").exists()


def test_without_the_driver_s_library_there_are_no_cards():
    assert nvml.cards("libnvidia-ml-that-nobody-has.so.1") == []


@pytest.mark.parametrize(
    ("shown", "names", "ids"),
    [
        (None, ["card 0", "card 1", "card 2"], ["GPU-0a", "GPU-1a", "GPU-2a"]),
        ("", [], []),
        ("2,0", ["card 2", "card 0"], ["GPU-2a", "GPU-0a"]),
        ("GPU-1", ["card 1"], ["GPU-1a"]),
        ("MIG-77, 1", ["CUDA device MIG-77", "card 1"], ["MIG-77", "GPU-1a"]),
        ("9", ["CUDA device 9"], ["9"]),
    ],
)
def test_cards_count_among_those_that_a_scheduler_left_visible(shown, names, ids):
    left = visible(CARDS, shown)
    assert [card["name"] for card in left] == names
    assert [card["runtime_id"] for card in left] == ids


LIBRARY = r"""
#include <stdlib.h>
#include <string.h>
static const char *names[] = {"NVIDIA H200", "NVIDIA L4"}, *uuids[] = {"GPU-aa", "GPU-bb"};
int nvmlInit_v2(void) { return getenv("NO_DRIVER") ? 9 : 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { if (getenv("CRASH")) abort(); *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device) {
  if (getenv("LOST") && i == 1) return 15;
  *device = (void *)(long)(i + 1); return 0; }
int nvmlDeviceGetName(void *d, char *out, unsigned n) { strncpy(out, names[(long)d - 1], n); return 0; }
int nvmlDeviceGetUUID(void *d, char *out, unsigned n) { strncpy(out, uuids[(long)d - 1], n); return 0; }
int nvmlDeviceGetMemoryInfo(void *d, unsigned long long *m) {
  m[0] = 100ull << 30; m[1] = ((long)d == 1 ? 90ull : 10ull) << 30; m[2] = m[0] - m[1]; return 0; }
int nvmlDeviceGetPciInfo_v3(void *d, char *p) {
  memset(p, 0, 68); strcpy(p + 36, (long)d == 1 ? "00000000:17:00.0" : "00000000:65:00.0"); return 0; }
int nvmlDeviceGetCudaComputeCapability(void *d, int *major, int *minor) {
  *major = (long)d == 1 ? 9 : 8; *minor = (long)d == 1 ? 0 : 9; return 0; }
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that answers as the driver's does, called through the same C interface."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed, so no stand-in for the driver's library can be made")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "nvml.c").write_text(LIBRARY)
    library = folder / nvml.LIBRARY
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "nvml.c"], check=True)
    return library


@pytest.fixture
def with_driver(driver: Path, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver.parent))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_what_the_driver_says_of_its_cards(with_driver, tmp_path):
    render = tmp_path / "sys/class/drm/renderD129"
    render.parent.mkdir(parents=True)
    (tmp_path / "sys/devices/0000:65:00.0").mkdir(parents=True)
    render.mkdir()
    (render / "device").symlink_to(tmp_path / "sys/devices/0000:65:00.0")
    (tmp_path / "dev/dri").mkdir(parents=True)
    (tmp_path / "dev/dri/renderD129").touch()
    host = Machine({}, tmp_path)

    first, second = host.found("GPU")

    assert [each.info.id for each in (first, second)] == ["GPU.0", "GPU.1"]
    assert (first.info.full_name, first.info.uuid, first.info.memory_bytes) == ("NVIDIA H200", "GPU-aa", 100 << 30)
    assert first.info.capabilities == ["FP32", "FP16", "INT8", "BF16", "sm_90"]
    assert (first.runtime_id, first.info.node, second.info.node) == ("GPU-aa", None, "/dev/dri/renderD129")
    assert host.free_bytes(second.info) == 10 << 30
    assert host.present(second.info)


def test_a_card_that_fell_off_the_bus_is_gone_and_the_others_stay(with_driver, monkeypatch):
    _, second = Machine({}).found("GPU")
    monkeypatch.setenv("LOST", "1")
    assert not Machine({}).present(second.info)
    assert [each.info.uuid for each in Machine({}).found("GPU")] == ["GPU-aa"]


@pytest.mark.parametrize("fault", ["CRASH", "NO_DRIVER"])
def test_a_driver_that_crashes_or_isn_t_loaded_takes_nobody_along(with_driver, monkeypatch, fault):
    monkeypatch.setenv(fault, "1")
    assert machine.nvidia_cards(10) == []
    assert next(each.info.id for each in Machine({}).found()) == "CPU"


def test_a_container_s_limit_is_the_memory_there_is(tmp_path):
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{1 << 30}\n")
    (group / "memory.current").write_text(f"{3 << 28}\n")
    assert linux.cpu(tmp_path).memory_bytes == 1 << 30
    assert linux.free_memory(tmp_path) == 1 << 28
    (group / "memory.max").write_text("max\n")
    assert linux.free_memory(tmp_path) > 1 << 28
