"""From a pipeline's graph by names to what its processes are asked: paths, devices, codecs, outputs, streams."""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalogue import CatalogueEntry
from shared.devices import AUTO, Device, family_of
from shared.errors import InvalidSpec, ModelUnusable
from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.names import ModelFiles, places, with_models, with_outputs
from shared.graph.rewrites.codecs import decoding
from shared.graph.rewrites.devices import MODELS, on_device, sharing_models
from shared.graph.rewrites.draft import Draft
from shared.graph.rewrites.outputs import MAIN_SINK, Nothing, ToFile, with_metadata, with_output
from shared.graph.rewrites.sources import Video, with_sources
from shared.graph.rewrites.streams import joined, renamed_sources, stream
from shared.packing import PipelineTask
from workers.conversion import variant_name
from workers.gst.request import Records, Request, Stream
from workers.handlers import WorkerEnvironment
from workers.media_store import MediumFile
from workers.model_store import InstalledModelDir

_INTERVAL_S = 0.25
_OURS = "gva"
"""How elements begin that we have too."""
_LIVE = ("rtspsrc", "v4l2src")
_COMPILING = ("gvadetect", "gvaclassify", "gvainference")
_VIDEO = ".mp4"
_LINES = ".jsonl"


@dataclass(slots=True)
class Plan:
    """What is run. ``requests``: one for each process.

    ``outputs`` and ``metadata``: files that the main sinks and the publishers of records will have written;
    ``named``: a folder of files that the graph itself names. ``frames``: of all streams, 0 where nobody knows.
    """

    requests: list[Request]
    outputs: list[Path]
    metadata: list[Path]
    named: Path
    frames: int


@dataclass(slots=True)
class _Files:
    """Names of files of one stream."""

    folder: Path
    number: int
    streams: int
    metadata: list[Path] = field(default_factory=list[Path])

    @property
    def output(self) -> Path:
        return self.folder / f"output_stream{self.number}{_VIDEO}"

    @property
    def named(self) -> Path:
        return self.folder / "named"

    def records(self, node: str) -> str:
        """Of each element that publishes a file of its own: appending to one they would cut each other's lines."""
        more = f"_{node}" if self.metadata else ""
        self.metadata.append(self.folder / f"metadata_stream{self.number}{more}{_LINES}")
        return str(self.metadata[-1])

    def own(self, name: str) -> str:
        stem, dot, suffix = name.partition(".")
        return str(self.named / (name if self.streams == 1 else f"{stem}_stream{self.number}{dot}{suffix}"))


class Planner:
    """Plans for one worker process. ``elements``: gives what GStreamer has here."""

    def __init__(self, environment: WorkerEnvironment, elements: Callable[[], AbstractSet[str]]) -> None:
        self._models = environment.model_store
        self._media = environment.media_store
        self._catalogue = environment.catalogue.by_name
        self._device = environment.device.id
        self._elements = elements
        self._cache = (environment.settings.worker.data_dir / "compiled").resolve()

    def plan(self, task: PipelineTask, folder: Path) -> Plan:
        """Everything a run of ``task`` in ``folder`` needs is on this machine afterwards.

        Raises InvalidSpec, ModelNotInstalled, ModelUnusable, MediumNotInstalled, NoEncoder and what the stores do.
        """
        if task.output_mode == "live_stream":
            raise InvalidSpec(("/output_mode", "there is no server for live streams yet; use file or disabled"))
        graph = renamed_sources(task.graph, task.inputs)
        media = {name: self._media.ensure(name) for name in _names(graph, "media")}
        graph = self._placed(task, with_sources(graph, _sources(media)), folder, media)
        files = [_Files(folder, number, task.streams) for number in range(task.streams)]
        files[0].named.mkdir(parents=True, exist_ok=True)
        graphs = [self._stream(task, graph, each) for each in files]
        texts = [emit(each) for each in graphs] if task.isolation == "stream" else [emit(joined(graphs))]
        parts = [[each] for each in files] if task.isolation == "stream" else [files]
        loop = task.max_runtime_s > 0 and not any(node.type in _LIVE for node in graph.nodes)
        ours = any(node.type.startswith(_OURS) and node.type not in self._elements() for node in graph.nodes)
        return Plan(
            requests=[
                _request(task, text, part, loop=loop, plugins=ours)
                for text, part in zip(texts, parts, strict=True)
            ],
            outputs=[each.output for each in files] if task.output_mode == "file" else [],
            metadata=[path for each in files for path in each.metadata],
            named=files[0].named,
            frames=0 if loop else task.streams * max((each.medium.frames for each in media.values()), default=0),
        )

    def _placed(self, task: PipelineTask, graph: Graph, folder: Path, media: Mapping[str, MediumFile]) -> Graph:
        """With models and decoders where they shall be."""
        available = self._elements()
        if task.device != AUTO or not self._is_mix(graph):
            graph = on_device(graph, self._device, available)
        models = {name: self._model(name, folder) for name in _names(graph, "model")}
        codecs = {str(each.path): each.medium.codec for each in media.values()}
        graph = sharing_models(_caching(with_models(graph, models), self._cache))
        return decoding(graph, codecs, self._device, available)

    def _is_mix(self, graph: Graph) -> bool:
        """Whether models of the graph are to run on devices of other kinds too: that is the client's choice."""
        named = {node.data.get("device", self._device) for node in graph.nodes if node.type in MODELS}
        return any(device.partition(".")[0] != family_of(self._device) for device in named)

    def _stream(self, task: PipelineTask, graph: Graph, files: _Files) -> Graph:
        output = ToFile(str(files.output)) if task.output_mode == "file" else Nothing()
        graph = with_outputs(graph, {name: files.own(name) for name in _names(graph, "output")})
        graph = with_output(graph, output, self._device, self._elements())
        graph = with_metadata(graph, files.records if task.metadata_mode == "file" else None)
        return stream(graph, 0, files.number, MAIN_SINK).graph

    def _model(self, name: str, folder: Path) -> ModelFiles:
        found = self._models.ensure(name)
        entry = self._catalogue.get(name)
        if entry is None or entry.architecture != "network":
            msg = f"{name} can't be used in pipelines: no element knows its input and output"
            raise ModelUnusable(msg)
        path = str(self._file(found, entry))
        if entry.model_proc is None:
            return ModelFiles(path)
        proc = folder / f"{name}.model-proc.json"
        proc.write_text(json.dumps(entry.model_proc), "utf-8")
        return ModelFiles(path, str(proc))

    def _file(self, found: InstalledModelDir, entry: CatalogueEntry) -> Path:
        """Half precision is for accelerators: on a CPU it saves nothing."""
        order = ("FP32", "FP16") if family_of(self._device) is Device.CPU else ("FP16", "FP32")
        made = [variant_name(each) for each in order if variant_name(each) in found.model.variants]
        return found.path / (f"{made[0]}.xml" if made else entry.files[0].name)


def _names(graph: Graph, named: str) -> list[str]:
    """What of this kind the graph names, each once."""
    return list(dict.fromkeys(place.value for place in places(graph) if place.named == named and place.value))


def _sources(media: Mapping[str, MediumFile]) -> dict[str, Video]:
    if sets := [name for name, each in media.items() if each.medium.kind != "video"]:
        raise InvalidSpec(("/pipeline", f"{sets[0]} is a set of images; only videos can be read yet"))
    return {name: Video(str(each.path)) for name, each in media.items()}


def _caching(graph: Graph, folder: Path) -> Graph:
    """With compiled models kept for the next run: compiling one takes as long as many frames."""
    setting = f"CACHE_DIR={folder}"
    if "," in setting or setting.count("=") > 1:  # which would end the value
        return graph
    draft = Draft(graph)
    for part in draft.of_type(*_COMPILING):
        given = part.data.get("ie-config")
        part.data["ie-config"] = f"{given},{setting}" if given else setting
    return draft.graph()


def _request(task: PipelineTask, text: str, files: Sequence[_Files], *, loop: bool, plugins: bool) -> Request:
    return Request(
        text=text,
        streams=tuple(Stream(each.number, f"sink_p0_s{each.number}") for each in files),
        max_runtime_s=task.max_runtime_s or None,
        loop=loop,
        latency=task.latency_metrics,
        plugins=plugins,
        interval_s=_INTERVAL_S,
        records=tuple(Records(each.number, str(path)) for each in files for path in each.metadata),
    )
