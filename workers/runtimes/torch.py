# pyright: basic
"""PyTorch: the networks, and running them on the CPU or the one CUDA device this process may see."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import DeviceMemory, ModelUnusable
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from workers.runtimes.contract import WEIGHTS, GestureModel, Host
from workers.runtimes.few_shapes import FewShapes
from workers.runtimes.onednn import on_the_cpu
from workers.runtimes.staging import CudaCaller
from workers.vision.features import Floats, Lengths

_WIDTH = 256
_MEMORY = 128


def alphabet_mlp(classes: int) -> nn.Module:
    """[N, 63] features to probabilities."""
    return nn.Sequential(
        nn.Linear(LANDMARK_COLUMNS, _WIDTH),
        nn.ReLU(inplace=True),
        nn.Identity(),  # where training had dropout: the weights are numbered with it
        nn.Linear(_WIDTH, _WIDTH),
        nn.ReLU(inplace=True),
        nn.Identity(),
        nn.Linear(_WIDTH, classes),
        nn.Softmax(dim=1),
    )


class WordLstm(nn.Module):
    """[N, T, 258] frames and their true lengths to probabilities.

    The padding comes after the last valid step, which an LSTM that reads forward can't see: so no packing.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FRAME_COLUMNS, _MEMORY, num_layers=2, batch_first=True)
        self.fc = nn.Linear(_MEMORY, classes)

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Probabilities [N, classes]."""
        steps, _ = self.lstm(frames)
        last = steps[torch.arange(steps.shape[0], device=steps.device), lengths - 1]
        return torch.softmax(self.fc(last), dim=1)


NETWORKS = {"alphabet_mlp": alphabet_mlp, "word_lstm": WordLstm}


def network(entry: CatalogueEntry, folder: Path) -> nn.Module:
    """The entry's network with its weights, ready to answer. Raises ModelUnusable when they don't fit."""
    module = NETWORKS[entry.architecture](len(entry.labels))
    try:
        module.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
    except Exception as error:
        # Unpickling a damaged or hostile file can raise about anything.
        msg = f"the weights of {entry.name} can't be read as {entry.architecture}: {error}"
        raise ModelUnusable(msg) from error
    return module.eval()


class TorchModel:
    """A network on its device."""

    runtime = "torch"

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        with _memory_of(device):
            placed = module.to(device)
        self._device = device
        self._call = on_the_cpu(placed) if device.type == "cpu" else CudaCaller(placed, device)

    def predict(self, rows: Floats, lengths: Lengths | None = None) -> Floats:
        """See GestureModel. Raises DeviceMemory."""
        with torch.inference_mode(), _memory_of(self._device):
            return self._call([torch.from_numpy(array) for array in (rows, lengths) if array is not None]).numpy()


@contextmanager
def _memory_of(device: torch.device) -> Generator[None]:
    """What is too large for the device now may fit later, or elsewhere."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        msg = f"{device} has too little free memory: {str(error).splitlines()[0]}"
        raise DeviceMemory(msg) from error


def supports(device: str) -> bool:
    """The CPU, and a GPU if it is NVIDIA's and CUDA works here."""
    family = family_of(device)
    return family is Device.CPU or (family is Device.GPU and torch.cuda.is_available())


def load(entry: CatalogueEntry, folder: Path, host: Host) -> GestureModel:
    """The model on the lane's device; the process is pinned, so its GPU is always CUDA's first."""
    torch.set_num_threads(host.threads)
    if family_of(host.device) is Device.GPU:
        # Matrix units would round to TF32's ten bits of mantissa: answers would differ from the CPU's.
        torch.backends.fp32_precision = "ieee"  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs
        return TorchModel(network(entry, folder), torch.device("cuda:0"))
    return FewShapes(TorchModel(network(entry, folder), torch.device("cpu")))
