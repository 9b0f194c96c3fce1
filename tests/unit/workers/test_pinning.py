import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.devices import Lane
from tests.support.devices import ARC, H200
from workers.devices import linux
from workers.devices.contract import Found, Vendor
from workers.errors import CannotStart
from workers.pinning import (
    OPENVINO_DEVICE,
    TORCH_DEVICE,
    check_family,
    parse_cores,
    pin_cores,
    pinned_environment,
)

CPU = Found(linux.cpu(), Vendor.NONE, "CPU")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@given(st.sets(st.integers(0, 300)))
def test_cores_written_one_by_one_are_read_back(cores):
    assert parse_cores(",".join(map(str, cores))) == cores


@given(st.integers(0, 200), st.integers(0, 100))
def test_a_range_of_cores_holds_both_ends(first, more):
    assert parse_cores(f"{first}-{first + more}") == set(range(first, first + more + 1))


@pytest.mark.parametrize("text", ["a", "3-1", "1-", "-1", "0x3", "1;2", "1-2-3", "99999"])
def test_other_core_lists_are_refused(text):
    with pytest.raises(CannotStart, match="cores"):
        parse_cores(text)


def test_no_cores_named_means_all_that_the_process_has():
    assert parse_cores(" ") == frozenset()
    assert pin_cores("") == len(os.sched_getaffinity(0))


def test_cores_the_process_does_not_have_are_refused():
    with pytest.raises(CannotStart, match="9000"):
        pin_cores("9000")


@given(st.sampled_from(["cpu", "cpu.long", "io"]), st.integers(1, 64), st.none() | st.just("0,1"))
def test_a_cpu_lane_hides_every_cuda_card(lane, threads, visible):
    inherited = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    env = pinned_environment(Lane(lane), CPU, threads, inherited)
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert (env[TORCH_DEVICE], env[OPENVINO_DEVICE]) == ("cpu", "CPU")
    assert {env[name] for name in THREADS} == {"1" if lane == "io" else str(threads)}


@given(st.integers(0, 7), st.sampled_from(["GPU-5f3a", "3", "MIG-1"]))
def test_an_nvidia_lane_sees_its_card_alone_by_its_uuid(index, runtime_id):
    found = Found(H200.info, Vendor.NVIDIA, runtime_id)
    env = pinned_environment(Lane(f"gpu.{index}"), found, 4, {"CUDA_VISIBLE_DEVICES": "6,7"})
    assert env["CUDA_VISIBLE_DEVICES"] == runtime_id
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert (env[TORCH_DEVICE], env[OPENVINO_DEVICE]) == ("cuda:0", "")


@given(st.sampled_from(["GPU", "GPU.1", "NPU"]))
def test_an_intel_lane_names_its_device_to_openvino(runtime_id):
    env = pinned_environment(
        Lane("gpu"), Found(ARC.info, Vendor.INTEL, runtime_id), 2, {"CUDA_VISIBLE_DEVICES": "0"}
    )
    assert env[OPENVINO_DEVICE] == runtime_id
    assert (env["CUDA_VISIBLE_DEVICES"], env[TORCH_DEVICE]) == ("", "cpu")


def test_log_levels_that_somebody_chose_stay():
    env = pinned_environment(Lane("cpu"), CPU, 2, {"GLOG_minloglevel": "0"})
    assert "GLOG_minloglevel" not in env
    assert env["TF_CPP_MIN_LOG_LEVEL"] == "2"


def test_a_lane_takes_no_device_of_another_family():
    check_family(Lane("gpu"), "GPU.1")
    with pytest.raises(CannotStart, match="lane cpu serves CPU jobs"):
        check_family(Lane("cpu"), "GPU.1")
