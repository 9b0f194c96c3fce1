"""Memory on the way to a device, and what a device without room says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DeviceMemory

torch = pytest.importorskip("torch")

from workers.runtimes.staging import Staging  # noqa: E402 - where PyTorch is installed
from workers.runtimes.torch import TorchModel  # noqa: E402


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 7)), min_size=1, max_size=8))
def test_whatever_sizes_come_the_content_is_right_and_memory_only_grows(shapes):
    staging, largest = Staging(pinned=False), 0
    for number, shape in enumerate(shapes):
        tensor = torch.arange(shape[0] * shape[1], dtype=torch.float32).view(shape) + number
        assert torch.equal(staging.filled("rows", tensor), tensor)
        largest = max(largest, tensor.numel())
        assert sum(kept.numel() for kept in staging._kept.values()) == largest


def test_inputs_of_one_call_do_not_share_memory():
    staging = Staging(pinned=False)
    rows = staging.filled("input-0", torch.ones(3, 2))
    lengths = staging.filled("input-1", torch.tensor([7, 7, 7]))
    assert rows.tolist() == [[1, 1]] * 3
    assert lengths.tolist() == [7, 7, 7]
    again = staging.filled("input-0", torch.zeros(2, 2))
    assert again.data_ptr() == rows.data_ptr(), "the next call takes the same memory"


def test_a_device_without_room_is_told_as_such():
    class Full(torch.nn.Module):
        def forward(self, _rows):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nmore lines")

    model = TorchModel(Full(), torch.device("cpu"))
    with pytest.raises(
        DeviceMemory, match=r"cpu has too little free memory: CUDA out of memory\. Tried.*9 GiB\.$"
    ):
        model.predict(np.zeros((1, 63), np.float32))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
@pytest.mark.parametrize("rows", [1, 3, 4096, 2])
def test_a_cuda_device_answers_as_the_cpu_does(rows):
    from workers.runtimes.torch import alphabet_mlp

    module = alphabet_mlp(36).eval()
    hands = np.random.default_rng(rows).random((rows, 63), dtype=np.float32)
    here = TorchModel(module, torch.device("cpu")).predict(hands)
    there = TorchModel(module, torch.device("cuda:0")).predict(hands)
    assert np.abs(here - there).max() < 1e-5
