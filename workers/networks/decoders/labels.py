"""Classifiers, readers of text, and what isn't read at all."""

from collections.abc import Sequence

import numpy as np

from workers.networks.recipe import Method
from workers.networks.shapes import Array, Outputs, Tensor


def softmax(values: Array) -> Array:
    """Along the last axis; sums to 1 whatever the size of the values."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def classified(values: Array, labels: Sequence[str], method: Method = "softmax", threshold: float = 0.5) -> Tensor:
    """One label of a classifier's output; several, joined by spaces, with compound, multi and index."""
    values = probabilities(values, method)
    if method in {"max", "softmax"}:
        best = int(values.argmax())
        return Tensor("", "", label=_label(labels, best), label_id=best, confidence=float(values[best]))
    if method == "index":
        ends = np.flatnonzero((values < 0) | (values >= len(labels)))
        chosen = values[: ends[0]] if len(ends) else values
        return Tensor("", "", label="".join(labels[int(one)] for one in chosen))
    if method == "compound":
        words = [_compound(labels, i, value >= threshold) for i, value in enumerate(values) if value > 0]
    else:
        words = [_label(labels, int(i)) for i in np.flatnonzero(values >= threshold)]
    return Tensor("", "", label=" ".join(filter(None, words)), confidence=float(values.max(initial=0.0)))


def probabilities(values: Array, method: Method) -> Array:
    """Of each class, flat: as the network says them, or their softmax."""
    flat = np.asarray(values, np.float32).ravel()
    return softmax(flat) if method.startswith("softmax") else flat


def number(values: Array, scale: float, digits: int) -> Tensor:
    """Numbers as text, such as an age."""
    told = (f"{float(one) * scale:.{digits}f}" for one in np.asarray(values, np.float32).ravel())
    return Tensor("", "", label=", ".join(told))


def ctc(values: Array, alphabet: Sequence[str], *, blank: int = 0) -> Tensor:
    """The text of ``[1, steps, characters]``: repeats fall together, blanks go.

    Its confidence is the mean of what stays. ``alphabet`` names every index, the blank's too.
    """
    steps = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
    if np.any(steps < 0) or not np.allclose(steps.sum(axis=1), 1.0, atol=1e-2):
        steps = softmax(steps)
    best = steps.argmax(axis=1)
    new = np.ones(len(best), bool)
    new[1:] = best[1:] != best[:-1]
    kept = np.flatnonzero(new & (best != blank))
    text = "".join(_label(alphabet, int(best[i])) for i in kept)
    sure = float(steps[kept, best[kept]].mean()) if len(kept) else 0.0
    return Tensor("", "", label=text, confidence=sure)


def raw(outputs: Outputs, model: str) -> tuple[Tensor, ...]:
    """All outputs as they are."""
    return tuple(
        Tensor(f"inference_layer_name:{name}", model, name, data=one.copy()) for name, one in outputs.items()
    )


def _compound(labels: Sequence[str], index: int, yes: bool) -> str:
    return _label(labels, index * 2 + (0 if yes else 1))


def _label(labels: Sequence[str], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else ""
