"""Which workers a machine gets."""

from pathlib import Path

import pytest

from client.local.lanes import accelerators, default_lanes, lanes_of, worker_options
from shared.settings import Settings
from tests.support.devices import ARC, H200, UHD, FakeDevices, npu
from tests.support.stacks import own_environ
from workers.arguments import read


@pytest.mark.parametrize(
    ("there", "fast", "long"),
    [
        ([], [], []),
        ([H200], ["gpu"], []),
        ([ARC], ["gpu"], ["gpu.long"]),
        ([H200, H200], ["gpu.0", "gpu.1"], []),
        ([H200, ARC, npu()], ["gpu.0", "gpu.1", "npu"], ["gpu.1.long", "npu.long"]),
        ([ARC, UHD], ["gpu.0", "gpu.1"], ["gpu.0.long", "gpu.1.long"]),
    ],
)
def test_a_lane_for_each_device_found(there, fast, long):
    devices = [each.info for each in FakeDevices(*there).found()]
    assert lanes_of(devices, pipelines=False) == ("cpu", "io", *fast)
    assert lanes_of(devices, pipelines=True) == ("cpu", "io", *fast, "cpu.long", *long)


@pytest.mark.parametrize("lane", ["cpu", "cpu.long", "gpu", "gpu.1", "gpu.12.long", "npu", "npu.long", "io"])
def test_a_worker_is_told_its_device_and_class(lane):
    asked = read(worker_options(lane), Settings())
    assert asked.lane.name == lane
    assert asked.device in {asked.lane.device, None}


def test_drivers_are_asked_only_where_something_hints_at_a_card(tmp_path: Path):
    assert accelerators({}, tmp_path) == []
    (tmp_path / "dev/dri").mkdir(parents=True)
    (tmp_path / "dev/dri/renderD128").touch()
    asked = accelerators(own_environ(), tmp_path)
    assert [device.id for device in asked] == [
        device.id for device in accelerators(own_environ(), Path("/")) or asked
    ], "the answer is this machine's"
    assert accelerators({"PATH": "/nowhere", "PYTHONHOME": "/nowhere"}, tmp_path) == [], "a look that fails"


def test_this_machine_has_its_lanes():
    lanes = default_lanes(own_environ())
    assert lanes[:2] == ("cpu", "io")
    assert len(set(lanes)) == len(lanes)
