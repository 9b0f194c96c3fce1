"""Devices and lanes parse and print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.devices import Device, DeviceId, DeviceRequest, Lane, LaneClass, family_of
from tests.support.strategies import lane_names

DEVICE_ID: TypeAdapter[str] = TypeAdapter(DeviceId)
DEVICE_REQUEST: TypeAdapter[str] = TypeAdapter(DeviceRequest)

ids = st.sampled_from(["CPU", "NPU", "GPU"]) | st.integers(0, 99).map(lambda number: f"GPU.{number}")


@given(ids, st.sampled_from([LaneClass.FAST, LaneClass.LONG]))
def test_a_device_and_a_class_make_a_lane_that_knows_them(device: str, lane_class: LaneClass):
    lane = Lane.of(device, lane_class)
    assert (lane.device, lane.lane_class) == (device, lane_class)
    assert Lane(lane.name) == lane


@given(lane_names)
def test_a_lane_reads_its_own_queue_first_and_then_its_family_s(name: str):
    lane = Lane(name)
    assert lane.queues[0] == name
    assert all(Lane(queue).lane_class is lane.lane_class for queue in lane.queues)
    assert all(family_of(Lane(queue).device) is family_of(lane.device) for queue in lane.queues)
    assert len(lane.queues) == (2 if name.startswith("gpu.") and name != "gpu.long" else 1)


@pytest.mark.parametrize(
    ("lane", "queues"),
    [
        ("cpu", ("cpu",)),
        ("gpu", ("gpu",)),
        ("gpu.long", ("gpu.long",)),
        ("gpu.1", ("gpu.1", "gpu")),
        ("gpu.1.long", ("gpu.1.long", "gpu.long")),
        ("npu.long", ("npu.long",)),
        ("io", ("io",)),
    ],
)
def test_queues(lane: str, queues: tuple[str, ...]):
    assert Lane(lane).queues == queues


def test_io_is_one_lane_whatever_the_device():
    assert Lane.of("GPU.1", LaneClass.IO) == Lane.of("CPU", LaneClass.IO) == Lane("io")
    assert (Lane("io").lane_class, Lane("io").device) == (LaneClass.IO, "CPU")


@pytest.mark.parametrize(
    "name", ["", "CPU", "cpu.", "gpu.", "gpu.100", "gpu.1.2", "io.long", "cpu.long.long", "tpu", "cpu\n", "gpu.1 "]
)
def test_other_lanes_are_refused(name: str):
    with pytest.raises(ValueError, match="unknown lane"):
        Lane(name)


@given(ids)
def test_device_ids(device: str):
    assert DEVICE_ID.validate_python(device) == DEVICE_REQUEST.validate_python(device) == device
    assert family_of(device) in Device


@pytest.mark.parametrize("device", ["", "cpu", "GPU.", "GPU.100", "CPU.0", "NPU.1", "TPU", "GPU.1\n", "AUTO "])
def test_other_devices_are_refused(device: str):
    for adapter in (DEVICE_ID, DEVICE_REQUEST):
        with pytest.raises(ValidationError, match="unknown device"):
            adapter.validate_python(device)


def test_auto_is_a_wish_not_a_device():
    assert DEVICE_REQUEST.validate_python("AUTO") == "AUTO"
    with pytest.raises(ValidationError):
        DEVICE_ID.validate_python("AUTO")
