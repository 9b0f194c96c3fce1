# pyright: basic
"""Chains of dense layers on the CPU by oneDNN, which PyTorch brings along.

For dense layers PyTorch calls MKL, which leaves the widest instructions of processors that aren't Intel's unused:
with oneDNN many rows take less than half the time there.
"""

from collections.abc import Callable, Sequence

import structlog
import torch
from torch import nn

MANY_ROWS = 256
"""Fewer are asked the usual way: then what a call costs by itself counts more."""

_HINT = 2_048
_CLOSE = 1e-4

Call = Callable[[Sequence[torch.Tensor]], torch.Tensor]

log = structlog.stdlib.get_logger()


def on_the_cpu(module: nn.Module) -> Call:
    """What runs the module: many rows of a chain of dense layers by oneDNN, all else as it is."""
    chain = _chain(module) if isinstance(module, nn.Sequential) else None

    def call(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        if chain is not None and len(tensors[0]) >= MANY_ROWS:
            return chain(tensors[0])
        return module(*tensors)

    return call


def _chain(module: nn.Sequential) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """The same by oneDNN; None where PyTorch can't, or the answers are others."""
    try:
        chain = _Chain(module)
        rows = torch.linspace(-2.0, 2.0, MANY_ROWS * chain.columns).reshape(MANY_ROWS, chain.columns)
        with torch.inference_mode():
            same = torch.allclose(chain(rows), module(rows), rtol=_CLOSE, atol=_CLOSE)
    except (AttributeError, RuntimeError, NotImplementedError, TypeError) as error:
        log.info("onednn_not_used", reason=str(error).partition("\n")[0])
        return None
    return chain if same else None


class _Chain:
    """The operators are PyTorch's own, which its compiler emits; they aren't part of what it promises to keep."""

    def __init__(self, module: nn.Sequential) -> None:
        layers = [layer for layer in module if not isinstance(layer, nn.Identity)]
        self._linear = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001  see above
        self._steps: list[tuple[torch.Tensor, torch.Tensor, str]] = []
        self._last = layers.pop() if isinstance(layers[-1], nn.Softmax) else nn.Identity()
        while layers:
            dense = layers.pop(0)
            if not isinstance(dense, nn.Linear):
                msg = f"{type(dense).__name__} where a dense layer was expected"
                raise TypeError(msg)
            after = layers.pop(0) if layers and isinstance(layers[0], nn.ReLU) else None
            packed = torch.ops.mkldnn._reorder_linear_weight(dense.weight.detach(), _HINT)  # noqa: SLF001
            self._steps.append((packed, dense.bias.detach(), "relu" if after else "none"))
        self.columns = next(layer.in_features for layer in module if isinstance(layer, nn.Linear))

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        for weight, bias, after in self._steps:
            rows = self._linear(rows, weight, bias, after, [], "")
        return self._last(rows)
