"""What is in a file of a stranger: asked of a helper process, which may be lost."""

import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from shared.errors import MediumRefused
from shared.media_errors import BY_CODE, ArchiveCorrupted, InvalidImage, InvalidVideo
from shared.settings import Settings
from workers.looking import Kind, Limits, Seen
from workers.processes import ProcessFailed, run_watched

_LOST: dict[Kind, type[MediumRefused]] = {
    "video": InvalidVideo,
    "photo": InvalidImage,
    "image_set": ArchiveCorrupted,
}


def probe(kind: Kind, path: Path, thumbnail: Path, limits: Limits, check: Callable[[], None]) -> Seen:
    """Look at the file (of a set: the folder), and write a JPEG of at most 320 by 320 pixels to ``thumbnail``.

    Raises what ``shared/media_errors.py`` has for what isn't taken, and what ``check`` raises.
    """
    said: list[str] = []
    command = [sys.executable, "-m", "workers.looking", kind, str(path), str(thumbnail)]
    try:
        run_watched([*command, limits.model_dump_json()], check, said.append)
        seen = Seen.model_validate_json(said[-1])
    except (ProcessFailed, ValidationError, IndexError) as error:
        msg = f"whoever looked into {path.name} was lost: it can't be read within the limits set for that"
        raise _LOST[kind](msg) from error
    if seen.refused:
        raise BY_CODE[seen.refused](seen.detail)
    return seen


def limits_of(settings: Settings, kind: Kind, *, listed: bool = False) -> Limits:
    """Those of the settings. ``listed``: the file is of the catalogue, of whatever container and codec."""
    media = settings.media
    return Limits(
        pixels=media.video_pixels if kind == "video" else settings.limits.image_pixels,
        cpu_s=media.probe_s,
        memory_bytes=media.probe_bytes,
        containers=None if listed else frozenset(media.containers),
        codecs=None if listed else media.codecs,
    )
