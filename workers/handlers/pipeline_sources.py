"""What the sources of a pipeline read on this machine: files of the library, and cameras of the settings."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.cameras import CameraSettings
from shared.errors import InputUnreadable, InvalidSpec
from shared.graph.names import CAMERA
from shared.graph.rewrites.sources import RAW, ImageSet, NetworkCamera, Source, UsbCamera, Video
from workers.media_store import MediaStore, MediumFile

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)\.(?P<extension>jpe?g|png|bmp|tiff?)\Z", re.IGNORECASE)


@dataclass(slots=True)
class Found:
    """By name, and ``codecs`` by path or address. ``frames``: of a medium; a camera has no number of them.

    ``secrets``: what nobody may be told, and what stands for it. ``held``: keeps the files where they are.
    """

    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    codecs: dict[str, str] = field(default_factory=dict[str, str])
    frames: dict[str, int] = field(default_factory=dict[str, int])
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    held: list[MediumFile] = field(default_factory=list[MediumFile])

    def codec(self, name: str) -> str:
        """Of what has this name; empty if nobody knows."""
        match self.sources.get(name):
            case Video(path):
                return self.codecs.get(path, "")
            case ImageSet():
                return RAW
            case NetworkCamera(url=url):
                return self.codecs.get(url, "")
            case _:
                return ""


def find(names: Iterable[str], media: MediaStore, cameras: Mapping[str, CameraSettings], tenant: str) -> Found:
    """Everything that is named and that the tenant may see, media fetched.

    Raises InvalidSpec for an unknown camera, and as the store does.
    """
    found = Found()
    for name in dict.fromkeys(names):
        if name.startswith(CAMERA):
            _add_camera(found, name, cameras)
        elif name:
            _add_medium(found, name, media.ensure(name, tenant))
    return found


def _add_medium(found: Found, name: str, file: MediumFile) -> None:
    found.held.append(file)
    match file.medium.kind:
        case "video":
            found.sources[name] = Video(str(file.path))
            found.codecs[str(file.path)] = file.medium.codec
            found.frames[name] = file.medium.frames
        case "image_set":
            _add_images(found, name, image_set(file.path))
        case "photo":
            _add_images(found, name, ImageSet(_literal(file.path), file.path.suffix, 1))


def _add_images(found: Found, name: str, images: ImageSet) -> None:
    found.sources[name] = images
    found.codecs[images.pattern] = RAW  # the source decodes them already
    found.frames[name] = images.count


def _add_camera(found: Found, name: str, cameras: Mapping[str, CameraSettings]) -> None:
    camera = cameras.get(name.removeprefix(CAMERA))
    if camera is None:
        says = f"this worker knows no {name}; FRAMELANE_PIPELINES__CAMERAS is another here than on the gateway"
        raise InvalidSpec(("/pipeline", says))
    address = camera.address
    if address is None:
        found.sources[name] = UsbCamera(camera.device or "")
        return
    found.sources[name] = NetworkCamera(
        address.url, address.user, address.password, camera.latency_ms, camera.transport
    )
    found.secrets |= {address.url: name} | dict.fromkeys(address.secrets, "***")
    if camera.codec is not None:
        found.codecs[address.url] = camera.codec


def image_set(folder: Path) -> ImageSet:
    """The images of a folder: one kind, numbered without a gap, all names alike up to their number.

    Raises InputUnreadable for any other folder.
    """
    names = [found for path in folder.iterdir() if (found := _NUMBERED.match(path.name))]
    numbers = sorted(int(each["number"]) for each in names)
    alike = {(each["stem"], each["extension"], len(each["number"])) for each in names}
    if len(alike) != 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        msg = f"{folder.name} isn't a set of images: one kind, numbered alike and without a gap"
        raise InputUnreadable(msg)
    ((stem, extension, digits),) = alike
    pattern = f"{_literal(folder)}/{stem.replace('%', '%%')}%0{digits}d.{extension}"
    return ImageSet(pattern, extension, len(numbers), first=numbers[0])


def _literal(path: Path) -> str:
    """As a part of a pattern."""
    return str(path).replace("%", "%%")
