# pyright: basic
"""The way of a batch to a CUDA device and back: one copy each way, through memory that the device itself reads."""

import threading
from collections.abc import Sequence

import torch
from torch import nn


class Staging:
    """Page-locked memory of one thread, kept from call to call and grown when a batch is larger.

    Without ``pinned`` it is ordinary memory, as where there is no CUDA device.
    """

    def __init__(self, *, pinned: bool) -> None:
        self._pinned = pinned
        self._kept: dict[tuple[str, torch.dtype], torch.Tensor] = {}

    def room(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Uninitialised memory of that shape. The next call with the same name gives the same memory again."""
        count = 1
        for size in shape:
            count *= size
        kept = self._kept.get((name, dtype))
        if kept is None or kept.numel() < count:
            kept = self._kept[name, dtype] = torch.empty(count, dtype=dtype, pin_memory=self._pinned)
        return kept[:count].view(*shape)

    def filled(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of ``tensor`` there."""
        return self.room(name, tensor.shape, tensor.dtype).copy_(tensor)


class _Lane(threading.local):
    """A thread's own stream and memory: threads don't wait for each other's copies."""

    def __init__(self, device: torch.device) -> None:
        self.staging = Staging(pinned=True)
        self.stream = torch.cuda.Stream(device)


class CudaCaller:
    """Calls a network on a CUDA device from arrays in this process's memory. Safe to use from several threads."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self._module = module
        self._device = device
        self._lane = _Lane(device)

    def __call__(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The answer, in memory of its own."""
        lane = self._lane
        with torch.cuda.stream(lane.stream):
            there = [
                lane.staging.filled(f"input-{number}", tensor).to(self._device, non_blocking=True)
                for number, tensor in enumerate(inputs)
            ]
            answer = self._module(*there)
            here = lane.staging.room("answer", answer.shape, answer.dtype)
            here.copy_(answer, non_blocking=True)
            lane.stream.synchronize()
        return here.clone()
