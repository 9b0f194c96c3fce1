"""Which files an uploaded model may consist of. Pure."""

from pathlib import PurePosixPath

GRAPHS = frozenset({".xml", ".onnx", ".tflite", ".pb"})
"""Networks: OpenVINO IR, ONNX, TensorFlow Lite, a frozen TensorFlow graph."""
WEIGHTS = frozenset({".safetensors"})
PICKLES = frozenset({".pt", ".pth", ".pkl"})
BESIDE = frozenset({".bin", ".data", ".onnx_data"})
"""What a graph keeps its numbers in."""
ARCHIVES = frozenset({".zip"})

UNPICKLED = (
    "a pickled file can run code when it is read: send safetensors or ONNX; an operator may allow pickled weights "
    "(FRAMELANE_MODELS__PICKLES) whose sha256 is given"
)


def refused(name: str, sha256: str | None, *, pickles: bool, packed: bool = False) -> str | None:
    """Why a file of this name isn't taken; None if it is. ``packed``: it comes out of an archive."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in PICKLES:
        return None if pickles and sha256 and not packed else UNPICKLED
    taken = GRAPHS | WEIGHTS | BESIDE | (frozenset[str]() if packed else ARCHIVES)
    if suffix not in taken:
        return f"{name[:100]!r} isn't a file of a model; taken are {', '.join(sorted(taken))}"
    return None
