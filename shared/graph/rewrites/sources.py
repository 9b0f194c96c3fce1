"""Sources: from the name of a medium or camera to the elements that read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from shared.errors import InvalidSpec
from shared.graph.checks import escaped
from shared.graph.faults import Broken
from shared.graph.model import Graph
from shared.graph.rewrites.draft import Draft, Part

NAMING = {
    "source": "source",
    "filesrc": "location",
    "multifilesrc": "location",
    "rtspsrc": "location",
    "v4l2src": "device",
    "urisourcebin": "uri",
    "uridecodebin": "uri",
    "uridecodebin3": "uri",
}
"""Source elements, and the property that names what they read."""

SECRETS = frozenset({"user-id", "user-pw", "proxy-id", "proxy-pw"})
"""Properties that no log, event or command line may show."""

_LATENCY_MS = "100"
_IMAGE_DECODERS = {"jpg": "jpegdec", "jpeg": "jpegdec", "png": "pngdec", "bmp": "avdec_bmp", "tif": "avdec_tiff"}
_IMAGE_CAPS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "bmp": "image/bmp",
    "tif": "image/tiff",
}


@dataclass(frozen=True, slots=True)
class Video:
    """A video file."""

    path: str


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Numbered images of one size and kind: ``pattern`` is their path, with ``%0<n>d`` for the number."""

    pattern: str
    extension: str
    count: int
    first: int = 1
    fps: int = 30


@dataclass(frozen=True, slots=True)
class UsbCamera:
    """A video device file."""

    device: str


@dataclass(frozen=True, slots=True)
class NetworkCamera:
    """A camera that speaks RTSP."""

    url: str
    user: str = ""
    password: str = ""


Source = Video | ImageSet | UsbCamera | NetworkCamera


def with_sources(graph: Graph, sources: Mapping[str, Source]) -> Graph:
    """``graph`` with every named medium or camera as the elements that read it.

    What else is set on a source stays, unless it turns out to be of another kind. Raises InvalidSpec with a
    pointer to every name that ``sources`` hasn't.
    """
    broken: list[Broken] = []
    for number, node in enumerate(graph.nodes):
        name = node.data.get(NAMING[node.type], "") if node.type in NAMING else None
        if name is not None and name not in sources:
            says = f"there is no medium or camera {name!r}" if name else "name a medium or camera"
            broken.append((f"/nodes/{number}/data/{escaped(NAMING[node.type])}", says))
    if broken:
        raise InvalidSpec(*broken)
    draft = Draft(graph)
    for part in draft.of_type(*NAMING):
        draft.replace(part, _elements(part, sources[part.data[NAMING[part.type]]]))
    return draft.graph()


def _elements(part: Part, source: Source) -> list[Part]:
    match source:
        case Video(path) if NAMING[part.type] == "uri":
            return [_kept(part, part.type, {"uri": f"file://{quote(path)}"})]
        case Video(path):
            return [_kept(part, "multifilesrc" if part.type == "multifilesrc" else "filesrc", {"location": path})]
        case UsbCamera(device):
            return [_kept(part, "v4l2src", {"device": device})]
        case NetworkCamera(url, user, password):
            login = {"user-id": user, "user-pw": password} if user else {}
            latency = part.data.get("latency", _LATENCY_MS)
            return [_kept(part, "rtspsrc", {"location": url, "latency": latency, **login})]
        case ImageSet():
            return _images(part, source)


def _images(part: Part, source: ImageSet) -> list[Part]:
    kind = source.extension.lower().removeprefix(".").replace("tiff", "tif")
    if kind not in _IMAGE_DECODERS:
        raise InvalidSpec(("", f"images of kind {source.extension} can't be read"))
    data = {
        "location": source.pattern,
        "index": str(source.first),
        "start-index": str(source.first),
        "stop-index": str(source.first + source.count - 1),
        "caps": f"{_IMAGE_CAPS[kind]},framerate={source.fps}/1",
    }
    return [_kept(part, "multifilesrc", data), Part(_IMAGE_DECODERS[kind])]


def _kept(part: Part, type_: str, data: dict[str, str]) -> Part:
    """A part of ``type_`` with ``data`` and, if ``part`` was of that type, what else was set on it."""
    keeps = part.data if part.type == type_ else {key: part.data[key] for key in ("name",) if key in part.data}
    return Part(type_, {**keeps, **data})


def source_of(draft: Draft, part: Part) -> str | None:
    """What the source before ``part`` names; None if there is none."""
    for before in draft.upstream(part):
        if before.type in NAMING:
            return before.data.get(NAMING[before.type])
    return None


def redacted(graph: Graph) -> Graph:
    """``graph`` fit for logs: logins are starred."""
    draft = Draft(graph)
    for part in draft.parts:
        part.data.update(dict.fromkeys(part.data.keys() & SECRETS, "***"))
    return draft.graph()
