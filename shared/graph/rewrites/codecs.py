"""Decoders and encoders by device and by what is installed."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.devices import Device, family_of
from shared.errors import FramelaneError
from shared.graph.model import Graph
from shared.graph.rewrites.devices import MODELS
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.memory import Memory
from shared.graph.rewrites.sources import RAW, source_of

_DECODERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "h264": {
        "va": ["vah264dec"],
        "qsv": ["qsvh264dec"],
        "nv": ["nvh264dec"],
        "cpu": ["avdec_h264", "openh264dec"],
    },
    "h265": {
        "va": ["vah265dec"],
        "qsv": ["qsvh265dec"],
        "nv": ["nvh265dec"],
        "cpu": ["avdec_h265", "libde265dec"],
    },
    "mjpeg": {
        "va": ["vajpegdec"],
        "qsv": ["qsvjpegdec"],
        "nv": ["nvjpegdec"],
        "cpu": ["avdec_mjpeg", "jpegdec"],
    },
    "vp8": {"va": ["vavp8dec"], "nv": ["nvvp8dec"], "cpu": ["vp8dec", "avdec_vp8"]},
    "vp9": {"va": ["vavp9dec"], "qsv": ["qsvvp9dec"], "nv": ["nvvp9dec"], "cpu": ["vp9dec", "avdec_vp9"]},
    "av1": {"va": ["vaav1dec"], "nv": ["nvav1dec"], "cpu": ["dav1ddec", "av1dec", "avdec_av1"]},
}
"""By codec and kind of hardware, best first."""

_PARSERS = {"openh264dec": "h264parse", "qsvh264dec": "h264parse", "qsvh265dec": "h265parse"}
"""Decoders of byte streams alone, and what makes such a stream of what an mp4 holds."""

_ENCODERS: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]] = {
    "va": [("vah264lpenc", {}), ("vah264enc", {}), ("qsvh264enc", {})],
    "nv": [("nvh264enc", {})],
    "cpu": [
        ("openh264enc", {"bitrate": "16000000"}),
        ("x264enc", {"bitrate": "16000", "speed-preset": "veryfast", "tune": "zerolatency"}),
    ],
}
"""H.264 by kind of hardware, best first."""

_KEY_FRAMES = {
    "openh264enc": "gop-size",
    "x264enc": "key-int-max",
    "vah264enc": "key-int-max",
    "vah264lpenc": "key-int-max",
    "qsvh264enc": "gop-size",
    "nvh264enc": "gop-size",
}
"""What says after how many frames the next one can be understood by itself."""

_LIVE_KEY_FRAMES = "30"

_DOWNLOAD = "cudadownload"
_CONVERTERS = {"va": "vapostproc", "nv": "videoconvert", "cpu": "videoconvert"}


class NoEncoder(FramelaneError):
    """No encoder for the video output is installed."""

    code = "no-encoder"


@dataclass(frozen=True, slots=True)
class Decoder:
    """An element that decodes ``codec``. ``kind`` of hardware: va, qsv, nv or cpu."""

    element: str
    codec: str
    kind: str

    def before(self) -> list[Part]:
        """What gives it the form of stream that it takes, where that isn't the one of files."""
        return [Part(_PARSERS[self.element])] if self.element in _PARSERS else []

    def behind(self) -> list[Part]:
        """What gives its frames the form that elements behind expect."""
        if self.kind in {"va", "qsv"}:
            return [Part("vapostproc"), Part("video/x-raw(memory:VAMemory)")]
        return [Part("videoconvert"), Part("video/x-raw")]

    def download(self, available: AbstractSet[str]) -> list[Part]:
        """What brings its frames into the machine's memory, where that is needed."""
        return [Part(_DOWNLOAD)] if self.kind == "nv" and _DOWNLOAD in available else []


def decoding(graph: Graph, codecs: Mapping[str, str], device: str, available: AbstractSet[str]) -> Graph:
    """``graph`` with ``decodebin3`` (and ``decodebin``) replaced by a decoder that suits the models behind it.

    ``codecs``: of the streams, by what their source elements name (path, address or device file): h264, h265,
    mjpeg, vp8, vp9, av1 or raw. ``device``: for streams that no model looks at. Where the codec isn't known,
    nothing fits or the decoder's pads are used one by one, it stays: it finds a decoder by itself.
    """
    draft = Draft(graph)
    for part in decodebins(draft):
        source = source_of(draft, part)
        codec = codecs.get(source, "") if source is not None else ""
        family = family_of(_device_behind(draft, part) or device)
        chain = _raw(family, available) if codec == RAW else _decoder(codec, family, available)
        if chain:
            draft.replace(part, chain)
    return draft.graph()


def decodebins(draft: Draft) -> list[Part]:
    """Those that a decoder can stand for: their pads aren't used one by one."""
    found = [(part, draft.out_of(part)) for part in draft.of_type("decodebin3", "decodebin")]
    return [part for part, links in found if len(links) == 1 and links[0].source_pad is None]


def _device_behind(draft: Draft, part: Part) -> str:
    return next(
        (behind.data.get("device", "CPU") for behind in draft.downstream(part) if behind.type in MODELS), ""
    )


def decoders(codec: str, family: Device, available: AbstractSet[str]) -> list[Decoder]:
    """Those of a codec that are installed and fit models on ``family``, the one to take first."""
    kinds = ["cpu"] if family is Device.CPU else ["va", "qsv", "nv", "cpu"]
    by_kind = _DECODERS.get(codec, {})
    return [
        Decoder(name, codec, kind)
        for kind in kinds
        for name in by_kind.get(kind, ())
        if name in available and (kind not in {"va", "qsv"} or "vapostproc" in available)
    ]


def decoder_named(element: str) -> Decoder | None:
    """What is known of an element; None where it is none of the decoders that are put into pipelines."""
    return next(
        (
            Decoder(element, codec, kind)
            for codec, by_kind in _DECODERS.items()
            for kind, names in by_kind.items()
            if element in names
        ),
        None,
    )


def _decoder(codec: str, family: Device, available: AbstractSet[str]) -> list[Part]:
    """From a container to raw frames; empty if no decoder is installed."""
    found = next(iter(decoders(codec, family, available)), None)
    if found is None:
        return []
    return [Part("parsebin"), *found.before(), Part(found.element), *found.download(available), *found.behind()]


def _raw(family: Device, available: AbstractSet[str]) -> list[Part]:
    if family is not Device.CPU and "vapostproc" in available:
        return [Part("vapostproc"), Part("video/x-raw(memory:VAMemory)")]
    return [Part("videoconvert"), Part("video/x-raw")]


def encoder(memory: Memory, device: str, available: AbstractSet[str], *, live: bool = False) -> list[Part]:
    """From raw frames to parsed H.264: where the frames are, else on ``device``, else wherever there is one.

    ``live``: whoever comes later sees something soon. Raises NoEncoder, naming what was looked for.
    """
    kinds = _encoding_kinds(memory, family_of(device))
    for kind in kinds:
        for element, data in _ENCODERS[kind]:
            if element in available and _CONVERTERS[kind] in available:
                often = {_KEY_FRAMES[element]: _LIVE_KEY_FRAMES} if live else {}
                chain = [*_downloaded(memory, kind), Part(_CONVERTERS[kind]), *_plain(element)]
                headers = {"config-interval": "-1"} if live else {}
                return [*chain, Part(element, {**data, **often}), Part("h264parse", headers)]
    sought = ", ".join(element for kind in kinds for element, _ in _ENCODERS[kind])
    raise NoEncoder(f"no H.264 encoder for {device} is installed; looked for {sought}")


def _plain(element: str) -> list[Part]:
    """x264 would keep all colours of RGB frames, in a form that browsers can't play."""
    return [Part("video/x-raw", {"format": "I420"})] if element == "x264enc" else []


def _encoding_kinds(memory: Memory, family: Device) -> list[str]:
    match memory:
        case Memory.VA:
            return ["va", "cpu", "nv"]
        case Memory.CUDA:
            return ["nv", "cpu", "va"]
        case _:
            # Frames in system memory: a GPU's own encoder only where the job is on that GPU.
            return ["nv", "va", "cpu"] if family is Device.GPU else ["cpu", "va", "nv"]


def _downloaded(memory: Memory, kind: str) -> list[Part]:
    """What brings frames out of a GPU's memory for an encoder that can't take them there."""
    if memory is Memory.VA and kind != "va":
        return [Part("vapostproc"), Part("video/x-raw")]
    if memory is Memory.CUDA:
        return [Part(_DOWNLOAD)]
    return []
