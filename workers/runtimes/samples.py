# pyright: basic
"""Inputs that models are calibrated with and compared on: real pictures, or made-up hands, movements and pictures.

What is made up is the same in every run. It looks like what a model sees, but was never seen: say so.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov

from shared.catalogue import CatalogueEntry
from shared.errors import ModelUnusable
from shared.inputs import FRAME_COLUMNS, HAND_POINTS, POSE_POINTS
from workers.networks.placing import placed
from workers.networks.recipe import Recipe, told
from workers.runtimes.pictured import rt_info, settled
from workers.vision.features import WORD_FRAMES, hand_features, word_features
from workers.vision.pictures import Pictures

_FINGERS = ((1, -0.9, 0.55), (5, -0.25, 0.95), (9, 0.0, 1.0), (13, 0.22, 0.95), (17, 0.45, 0.85))
"""First point of each finger, its direction from the wrist in radians, and how far off it begins."""
_BONES = (0.42, 0.28, 0.2)
_COLOURS = 3

Tensors = list[np.ndarray]
"""One of each input of a model, with one row."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Can be gone through again and again. ``said``: what they are, for people."""

    said: str
    count: int
    each: Callable[[], Iterator[Tensors]]

    def __iter__(self) -> Iterator[Tensors]:
        return self.each()

    def __len__(self) -> int:
        return self.count


def samples(
    entry: CatalogueEntry, model: ov.Model, count: int, seed: int, media: Mapping[str, Path] | None = None
) -> Samples:
    """For this model; ``seed``: others for another number. Raises ModelUnusable for one that takes no pictures.

    ``media``: pictures and videos that a network is shown; gesture models are always given made-up hands.
    """
    match entry.architecture:
        case "alphabet_mlp":
            return Samples(f"{count} made-up hands", count, lambda: ([row] for row in _hand_rows(count, seed)))
        case "word_lstm":
            return Samples(f"{count} made-up movements", count, lambda: _movements(count, seed))
        case _:
            return _pictured(entry, model, count, seed, media)


def _hand_rows(count: int, seed: int) -> np.ndarray:
    return hand_features(hands(count, np.random.default_rng(seed)).reshape(count, -1))[:, None]


def _movements(count: int, seed: int) -> Iterator[Tensors]:
    generator = np.random.default_rng(seed)
    for _ in range(count):
        frames, lengths = word_features([movement(generator)])
        whole = np.zeros((1, WORD_FRAMES, FRAME_COLUMNS), np.float32)
        whole[:, : frames.shape[1]] = frames
        yield [whole, lengths]


def hands(count: int, generator: np.random.Generator) -> np.ndarray:
    """[N, 21, 3] landmarks of hands with fingers bent and spread at random, turned, somewhere in a picture."""
    points = np.zeros((count, HAND_POINTS, 3), np.float32)
    for first, direction, start in _FINGERS:
        angle = direction + generator.normal(0, 0.12, count)
        bend = generator.uniform(0, 1, count) ** generator.choice([0.3, 3.0], count)
        at = np.stack([np.sin(angle) * start, -np.cos(angle) * start, np.zeros(count)], axis=1)
        points[:, first] = at
        turned = np.zeros(count)
        for number, bone in enumerate(_BONES, 1):
            turned = turned + bend * 1.4
            step = np.stack(
                [np.sin(angle) * np.cos(turned), -np.cos(angle) * np.cos(turned), -np.sin(turned)], axis=1
            )
            at = at + bone * step
            points[:, first + number] = at
    points = np.einsum("nij,npj->npi", _rotations(count, generator), points)
    points[generator.integers(0, 2, count) == 1, :, 0] *= -1  # the other hand
    size = generator.uniform(0.08, 0.3, (count, 1, 1))
    place = np.concatenate([generator.uniform(0.25, 0.75, (count, 1, 2)), np.zeros((count, 1, 1))], axis=2)
    return (points * size + place).astype(np.float32)


def _rotations(count: int, generator: np.random.Generator) -> np.ndarray:
    turns = generator.normal(0, (0.35, 0.35, 0.4), (count, 3))
    sine, cosine = np.sin(turns), np.cos(turns)
    rotations = np.tile(np.eye(3), (3, count, 1, 1))
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        rotations[axis, :, one, one] = rotations[axis, :, other, other] = cosine[:, axis]
        rotations[axis, :, one, other], rotations[axis, :, other, one] = -sine[:, axis], sine[:, axis]
    return rotations[0] @ rotations[1] @ rotations[2]


def movement(generator: np.random.Generator) -> np.ndarray:
    """[T, 258] frames of a person whose hands go from one shape and place to another."""
    frames = int(generator.integers(8, WORD_FRAMES + 1))
    share = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    made = np.zeros((frames, FRAME_COLUMNS), np.float32)
    pose = np.concatenate(
        [generator.uniform(0.2, 0.8, (POSE_POINTS, 2)), generator.normal(0, 0.4, (POSE_POINTS, 1))], 1
    )
    pose = np.concatenate([pose, generator.uniform(0.3, 1, (POSE_POINTS, 1))], axis=1)
    made[:, : POSE_POINTS * 4] = pose.ravel() + generator.normal(0, 0.01, (frames, POSE_POINTS * 4))
    for start in (POSE_POINTS * 4, POSE_POINTS * 4 + HAND_POINTS * 3):
        begin, end = hands(2, generator).reshape(2, -1)
        made[:, start : start + HAND_POINTS * 3] = begin * (1 - share) + end * share
    return made


def _pictured(
    entry: CatalogueEntry, model: ov.Model, count: int, seed: int, media: Mapping[str, Path] | None
) -> Samples:
    try:
        recipe = told(entry.proc, rt_info(model))
        sized = model.clone()
        size = settled(sized, entry.name, recipe.shape or (0, 0))
    except (ValueError, RuntimeError) as error:
        raise ModelUnusable(f"{entry.name} can't be shown pictures: {error}") from error
    nhwc = list(sized.input(0).shape)[-1] == _COLOURS
    kind = sized.input(0).element_type.to_dtype()
    if media:
        pictures = Pictures(media, count, seed)
        return Samples(
            f"{len(pictures)} pictures of {pictures.said}",
            len(pictures),
            lambda: ([shown(picture, size, recipe, nhwc).astype(kind)] for picture in pictures),
        )
    return Samples(
        f"{count} made-up pictures",
        count,
        lambda: ([shown(picture, size, recipe, nhwc).astype(kind)] for picture in made_up(count, seed)),
    )


def shown(picture: np.ndarray, size: tuple[int, int], recipe: Recipe, nhwc: bool) -> np.ndarray:
    """An RGB picture as the network's own input: [1, H, W, 3] or [1, 3, H, W], float32."""
    target = np.zeros((size[1], size[0], 3), np.uint8)
    placed(target, picture, recipe)
    values = (target if recipe.rgb else target[:, :, ::-1]).astype(np.float32)
    if recipe.mean:
        values -= np.array(recipe.mean, np.float32)
    if recipe.scale:
        values /= np.array(recipe.scale, np.float32)
    return np.ascontiguousarray(values if nhwc else values.transpose(2, 0, 1))[None]


def made_up(count: int, seed: int) -> Iterator[np.ndarray]:
    """RGB pictures of soft colours with a few rectangles, [240, 320, 3]."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        coarse = generator.uniform(0, 255, (6, 8, 3)).astype(np.uint8)
        picture = np.ascontiguousarray(np.kron(coarse, np.ones((40, 40, 1), np.uint8)))
        for _ in range(4):
            top, left = generator.integers(0, 200), generator.integers(0, 280)
            picture[top : top + generator.integers(10, 120), left : left + generator.integers(10, 120)] = (
                generator.integers(0, 255, 3)
            )
        yield np.clip(picture + generator.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
