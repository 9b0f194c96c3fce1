"""Where the frames are at some place of a pipeline: in the machine's memory or in a GPU's."""

from enum import StrEnum
from fnmatch import fnmatchcase

from shared.graph.rewrites.draft import Draft, Part


class Memory(StrEnum):
    """Kind of memory that frames are in."""

    SYSTEM = "system"
    VA = "VAMemory"  #: of an Intel GPU
    CUDA = "CUDAMemory"  #: of an NVIDIA GPU
    OPEN = "open"  #: not settled yet: whatever the decoder gives


_BY_CAPS = (("VAMemory", Memory.VA), ("VASurface", Memory.VA), ("DMABuf", Memory.VA), ("CUDAMemory", Memory.CUDA))

_BY_ELEMENT = (
    ("cudadownload", Memory.SYSTEM),
    ("cuda*", Memory.CUDA),
    ("va*dec", Memory.VA),
    ("vapostproc", Memory.OPEN),  # converts to either
    ("videorate", Memory.OPEN),
    ("video*", Memory.SYSTEM),
    ("avdec_*", Memory.SYSTEM),
    ("openh264dec", Memory.SYSTEM),
    ("jpegdec", Memory.SYSTEM),
    ("pngdec", Memory.SYSTEM),
    ("compositor", Memory.SYSTEM),
    ("textoverlay", Memory.SYSTEM),
)


def memory_at(draft: Draft, part: Part) -> Memory:
    """Memory of the frames that reach ``part``: told by the nearest caps or element before it that settles it."""
    for before in draft.upstream(part):
        memory = _of_caps(before.type) if before.is_caps else _of_element(before.type)
        if memory is not Memory.OPEN:
            return memory
    return Memory.OPEN


def _of_caps(media: str) -> Memory:
    if not media.startswith("video/x-raw"):
        return Memory.OPEN
    if "(" not in media:
        return Memory.SYSTEM
    return next((memory for word, memory in _BY_CAPS if word in media), Memory.OPEN)


def _of_element(element: str) -> Memory:
    return next((memory for glob, memory in _BY_ELEMENT if fnmatchcase(element, glob)), Memory.OPEN)
