"""What is in photos and sets of them: each is decoded once, whatever its header says."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from workers.looking import Limits, Refusal, Seen
from workers.looking.thumbnails import save_thumbnail

PHOTOS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif"}
SETS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "bmp": "BMP", "tif": "TIFF", "tiff": "TIFF"}
"""Endings of images in sets, and the kind of file that has them."""

Image.MAX_IMAGE_PIXELS = None  # we have a limit of our own, looked at before anything is decoded

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, ZeroDivisionError, MemoryError, OverflowError)


def look_at_photo(path: Path, thumbnail: Path, limits: Limits) -> Seen:
    """Raises Refusal for what isn't a photo."""
    kind, (width, height) = _decoded(path, list(PHOTOS), limits, "invalid-image", thumbnail)
    suffix = PHOTOS[kind]
    return Seen(container=suffix, codec=kind.lower(), suffix=f".{suffix}", width=width, height=height, frames=1)


def look_at_set(folder: Path, thumbnail: Path, limits: Limits) -> Seen:
    """Of a flat folder. Raises Refusal for images of several kinds or sizes, and for what is no image."""
    paths = sorted(folder.iterdir())
    if not paths:
        raise Refusal("archive-contains-no-images", f"put {_listed()} files into it")
    ending = _ending(paths)
    size: tuple[int, int] | None = None
    for number, path in enumerate(paths):
        target = thumbnail if number == 0 else None
        _, found = _decoded(path, [SETS[ending]], limits, "archive-corrupted", target)
        size = size or found
        if found != size:
            msg = f"{path.name} has {found[0]} x {found[1]} pixels, {paths[0].name} {size[0]} x {size[1]}"
            raise Refusal("archive-mixed-image-resolutions", f"{msg}; all must have as many")
    width, height = size or (0, 0)
    return Seen(
        container="tar",
        codec=SETS[ending].lower(),
        suffix=f".{'jpg' if ending == 'jpeg' else ending.replace('tiff', 'tif')}",
        width=width,
        height=height,
        frames=len(paths),
    )


def _ending(paths: Sequence[Path]) -> str:
    endings = {path.suffix.lower().removeprefix("."): path.name for path in paths}
    if others := [name for ending, name in endings.items() if ending not in SETS]:
        raise Refusal("archive-disallowed-image-extension", f"{others[0]} is in it; taken are {_listed()}")
    if len({SETS[ending] for ending in endings}) > 1:
        msg = f"{' and '.join(sorted(endings.values()))} are in it; make sets of one kind"
        raise Refusal("archive-mixed-image-extensions", msg)
    return next(iter(endings))


def _decoded(
    path: Path, kinds: list[str], limits: Limits, code: str, thumbnail: Path | None
) -> tuple[str, tuple[int, int]]:
    """Its kind and size; as many pixels as a thumbnail needs are made, but all of its bytes are read."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=kinds) as image:
            kind, size = image.format or "", image.size
            if size[0] * size[1] > limits.pixels:
                msg = f"{path.name} has {size[0]} x {size[1]} pixels; at most {limits.pixels} are taken"
                raise Refusal(code, msg)
            if getattr(image, "n_frames", 1) > 1:
                raise Refusal(code, f"{path.name} has several images in it")
            image.draft("RGB", (640, 640))
            image.load()
            if thumbnail is not None:
                image.thumbnail((640, 640))
                save_thumbnail(np.asarray(image.convert("RGB"), np.uint8)[:, :, ::-1], thumbnail)
    except UnidentifiedImageError:
        raise Refusal(code, f"{path.name} is no {' or '.join(kinds)} image") from None
    except _BROKEN as error:
        raise Refusal(code, f"{path.name} can't be decoded: {error}") from error
    return kind, size


def _listed() -> str:
    return ", ".join(SETS)
