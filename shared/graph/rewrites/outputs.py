"""What comes out of a pipeline: nothing, a video file or a live stream, and records of what was found."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.errors import InvalidSpec
from shared.graph.model import Graph
from shared.graph.rewrites.codecs import encoder
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.memory import memory_at

MAIN_SINK = "default_output_sink"
"""Name of the fakesink whose frames are the output."""

_SINKS = ("filesink", "rtspclientsink", "splitmuxsink")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Frames are thrown away."""


@dataclass(frozen=True, slots=True)
class ToFile:
    """H.264 in an mp4 at ``path``."""

    path: str


@dataclass(frozen=True, slots=True)
class ToStream:
    """H.264 published to an RTSP server, as fast as it was filmed."""

    url: str
    user: str = ""
    password: str = ""


Output = Nothing | ToFile | ToStream


def with_output(graph: Graph, output: Output, device: str, available: AbstractSet[str]) -> Graph:
    """``graph`` with its main sink as ``output`` wants it: the fakesink called MAIN_SINK, or the only one.

    A pipeline nobody looks at draws nothing. One with ``gvagenai`` has no frames to show and stays as it is.
    Raises InvalidSpec if it isn't clear which sink is meant, NoEncoder if no encoder is installed.
    """
    draft = Draft(graph)
    if isinstance(output, Nothing):
        _drop_drawing(draft)
    elif not draft.of_type("gvagenai"):
        sink = _main_sink(draft)
        chain = encoder(memory_at(draft, sink), device, available, live=isinstance(output, ToStream))
        draft.replace(sink, [*chain, *_ends(output, sink)])
    return draft.graph()


def _drop_drawing(draft: Draft) -> None:
    if not draft.of_type(*_SINKS):
        for part in draft.of_type("gvawatermark"):
            draft.replace(part, [])


def _main_sink(draft: Draft) -> Part:
    sinks = draft.of_type("fakesink")
    named = [sink for sink in sinks if sink.data.get("name") == MAIN_SINK]
    if len(named or sinks) != 1:
        count = "no fakesink" if not sinks else f"{len(sinks)} fakesinks"
        raise InvalidSpec(("", f"{count}: end the branch that is the output in fakesink name={MAIN_SINK}"))
    return (named or sinks)[0]


def _ends(output: ToFile | ToStream, sink: Part) -> list[Part]:
    name = {"name": sink.data["name"]} if "name" in sink.data else {}
    match output:
        case ToFile(path):
            return [Part("mp4mux"), Part("filesink", {**name, "location": path})]
        case ToStream(url, user, password):
            login = {"user-id": user, "user-pw": password} if user else {}
            return [Part("rtspclientsink", {**name, "protocols": "tcp", "location": url, **login})]


def with_metadata(graph: Graph, path_of: Callable[[str], str] | None) -> Graph:
    """``graph`` with its records as JSON lines at ``path_of(node id)``; None: records are made nowhere.

    Raises InvalidSpec if records are wanted and no ``gvametapublish`` is there.
    """
    draft = Draft(graph)
    ids = {part: str(at) for at, part in enumerate(draft.parts)}
    publishers = draft.of_type("gvametapublish")
    if path_of is not None and not publishers:
        raise InvalidSpec(("", "records need gvametaconvert ! gvametapublish in the pipeline"))
    for part in publishers:
        if path_of is None:
            draft.replace(part, [])
        else:
            kept: Mapping[str, str] = {key: value for key, value in part.data.items() if key == "name"}
            part.data = {**kept, "method": "file", "file-format": "json-lines", "file-path": path_of(ids[part])}
    return draft.graph()
