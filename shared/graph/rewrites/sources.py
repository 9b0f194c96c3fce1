"""Sources: from the name of a medium or camera to the elements that read it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import quote

from shared.errors import InvalidSpec
from shared.graph.checks import escaped
from shared.graph.faults import Broken
from shared.graph.model import Graph, Node
from shared.graph.names import CAMERA
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


LIVE = ("rtspsrc", "v4l2src")
"""Elements that read a camera; in them, and in a source of kind camera, its bare name will do."""

RAW = "raw"
"""The codec of what compresses nothing."""

_FILES = ("filesrc", "multifilesrc", "source", "urisourcebin")
_DECODES = ("uridecodebin", "uridecodebin3")
_VIDEO_OF_RTP = ("application/x-rtp", {"media": "video"})
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
    """Numbered images of one kind: ``pattern`` is their path, with ``%0<n>d`` for the number."""

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
    """A camera that speaks RTSP. ``transport``: tcp, udp, or auto for whichever works."""

    url: str
    user: str = ""
    password: str = ""
    latency_ms: int = 100
    transport: str = "tcp"


Source = Video | ImageSet | UsbCamera | NetworkCamera


def reads(type_: str, data: Mapping[str, str]) -> str | None:
    """What an element reads: the name of a medium, or a camera's after CAMERA; empty if it names nothing yet.

    None: it is no source that names anything.
    """
    if type_ not in NAMING:
        return None
    name = data.get(NAMING[type_], "")
    is_camera = type_ in LIVE or data.get("kind") == "camera"
    return f"{CAMERA}{name}" if is_camera and name and not name.startswith(CAMERA) else name


def with_sources(graph: Graph, sources: Mapping[str, Source]) -> Graph:
    """``graph`` with every named medium or camera as the elements that read it.

    ``sources``: by what ``reads`` gives. What else is set on a source stays, unless it turns out to be of another
    kind. Raises InvalidSpec with a pointer to every name that ``sources`` hasn't, and to every one whose frames
    the next element can't take.
    """
    broken: list[Broken] = []
    for number, node in enumerate(graph.nodes):
        name = reads(node.type, node.data)
        if name is not None and name not in sources:
            says = f"there is no medium or camera {name!r}" if name else "name a medium or camera"
            broken.append((f"/nodes/{number}/data/{escaped(NAMING[node.type])}", says))
    frames = {name for name, source in sources.items() if not isinstance(source, Video)}
    if broken := broken or misfits(graph, frames):
        raise InvalidSpec(*broken)
    draft = Draft(graph)
    for part in draft.of_type(*NAMING):
        source = sources[reads(part.type, part.data) or ""]
        chain = _elements(part, source)
        if isinstance(source, NetworkCamera) and _gives_whatever_fits(draft, part):
            chain.append(Part(_VIDEO_OF_RTP[0], dict(_VIDEO_OF_RTP[1])))
        if part.type in _DECODES and not isinstance(source, Video | ImageSet):
            chain.append(Part("decodebin3"))
        draft.replace(part, chain)
    return draft.graph()


def misfits(graph: Graph, frames: AbstractSet[str]) -> list[Broken]:
    """Sources whose next element expects a file, although they read one of ``frames``: a camera or image set."""
    return [
        (f"/nodes/{number}/data/{escaped(NAMING[node.type])}", says)
        for number, node in enumerate(graph.nodes)
        if reads(node.type, node.data) in frames and (says := only_files(graph, node))
    ]


def only_files(graph: Graph, source: Node) -> str:
    """Why neither a camera nor an image set can stand for ``source``; empty if one can."""
    if source.type not in _FILES:
        return ""
    after = {edge.target for edge in graph.edges if edge.source == source.id}
    demuxer = next((each.type for each in graph.nodes if each.id in after and each.type.endswith("demux")), "")
    return f"a camera or image set is no file for {demuxer}: put decodebin3 behind the source" if demuxer else ""


def _gives_whatever_fits(draft: Draft, part: Part) -> bool:
    """Whether the first pad is taken, which may be sound."""
    links = draft.out_of(part)
    return len(links) == 1 and links[0].source_pad is None and not links[0].target.is_caps


def _elements(part: Part, source: Source) -> list[Part]:
    match source:
        case Video(path) if NAMING[part.type] == "uri":
            return [_kept(part, part.type, {"uri": f"file://{quote(path)}"})]
        case Video(path):
            return [_kept(part, "multifilesrc" if part.type == "multifilesrc" else "filesrc", {"location": path})]
        case UsbCamera(device):
            return [_kept(part, "v4l2src", {"device": device})]
        case NetworkCamera():
            return [_kept(part, "rtspsrc", _rtsp(part, source))]
        case ImageSet():
            return _images(part, source)


def _rtsp(part: Part, camera: NetworkCamera) -> dict[str, str]:
    """What the client says of latency and protocols stands."""
    own = {"latency": str(camera.latency_ms)}
    if camera.transport != "auto":
        own["protocols"] = camera.transport
    kept = {key: part.data[key] for key in own.keys() & part.data.keys() if part.type == "rtspsrc"}
    login = {"user-id": camera.user, "user-pw": camera.password} if camera.user else {}
    return {"location": camera.url, **own, **kept, **login}


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
