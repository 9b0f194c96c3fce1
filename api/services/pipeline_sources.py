"""What the sources of a pipeline job must fulfil, those it names and those that stand for them. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from shared.cameras import CameraSettings
from shared.graph.checks import escaped
from shared.graph.faults import Broken
from shared.graph.model import Graph, Node
from shared.graph.names import CAMERA
from shared.graph.rewrites.sources import NAMING, only_files, reads
from shared.specs import PipelineFields


class SourceRules:
    """Knows the cameras."""

    def __init__(self, cameras: Mapping[str, CameraSettings]) -> None:
        self._cameras = cameras

    def of_graph(self, spec: PipelineFields, graph: Graph) -> list[Broken]:
        """Sources of the graph that would read nothing. What the caller puts in their place isn't asked here."""
        if spec.inputs:
            return []
        return [
            (f"/nodes/{number}/data/{escaped(NAMING[node.type])}", says)
            for number, node in _naming(graph)
            if (says := self._unreadable(reads(node.type, node.data) or ""))
        ]

    def of_job(self, spec: PipelineFields, graph: Graph) -> list[Broken]:
        """What is wrong with ``inputs``, and with what the streams read together."""
        return [
            *self._inputs(spec, len(_naming(graph))),
            *self._crowded(spec, graph),
            *_demuxed(spec, graph),
            *_endless(spec, graph),
        ]

    def _unreadable(self, name: str) -> str:
        """Why nothing can be read from it; empty if something may."""
        if not name:
            return "name a medium or a camera, or give `inputs`"
        camera = name.removeprefix(CAMERA)
        if camera == name or camera in self._cameras:
            return ""
        known = f"there are {', '.join(sorted(self._cameras))}" if self._cameras else "none is set here"
        return f"there is no camera {camera[:100]!r}; {known} (FRAMELANE_PIPELINES__CAMERAS)"

    def _inputs(self, spec: PipelineFields, sources: int) -> Iterator[Broken]:
        if spec.inputs and len(spec.inputs) != sources:
            says = f"the pipeline has {sources} source{'s'[: sources != 1]} that can read another medium"
            yield (
                "/inputs",
                f"{says}, not {len(spec.inputs)}; for one medium a stream, put a list in the place of one",
            )
        for number, names in enumerate(spec.inputs):
            if isinstance(names, str):
                if says := self._unreadable(names):
                    yield f"/inputs/{number}", says
                continue
            if len(names) > spec.streams:
                yield f"/inputs/{number}", f"{len(names)} inputs for {spec.streams} streams: raise `streams`"
            for place, name in enumerate(names):
                if says := self._unreadable(name):
                    yield f"/inputs/{number}/{place}", says

    def _crowded(self, spec: PipelineFields, graph: Graph) -> Iterator[Broken]:
        for name, count in read_by(spec, graph).items():
            camera = self._cameras.get(name.removeprefix(CAMERA)) if name.startswith(CAMERA) else None
            if count > 1 and camera is not None and camera.kind == "usb":
                says = f"{name} is a USB camera: one stream can read it at a time, not {count}"
                yield "/inputs" if spec.inputs else "/streams", says


def read_by(spec: PipelineFields, graph: Graph) -> Counter[str]:
    """What is read, and by how many sources of all streams."""
    named = [reads(node.type, node.data) or "" for _, node in _naming(graph)]
    return Counter(name for stream in range(spec.streams) for name in spec.inputs_of(stream) or named)


def _demuxed(spec: PipelineFields, graph: Graph) -> Iterator[Broken]:
    """Cameras in the place of files that only files can stand at."""
    for place, (_, node) in enumerate(_naming(graph)):
        names = spec.inputs[place : place + 1] if spec.inputs else [reads(node.type, node.data) or ""]
        each = [name for given in names for name in ([given] if isinstance(given, str) else given)]
        if any(name.startswith(CAMERA) for name in each) and (says := only_files(graph, node)):
            yield f"/inputs/{place}" if spec.inputs else "/pipeline", says


def _endless(spec: PipelineFields, graph: Graph) -> list[Broken]:
    if spec.output_mode != "file" or spec.max_runtime_s:
        return []
    if any(name.startswith(CAMERA) for name in read_by(spec, graph)):
        return [
            ("/max_runtime_s", "a camera has no end, and the file of a cancelled job isn't kept: say how long")
        ]
    return []


def _naming(graph: Graph) -> list[tuple[int, Node]]:
    """Sources that name what they read, with their place in the list, in the order of the pipeline."""
    numbers = {id(node): number for number, node in enumerate(graph.nodes)}
    return [(numbers[id(node)], node) for node in graph.ordered().nodes if node.type in NAMING]
