"""From a pipeline's graph by names to what its processes are asked: paths, devices, codecs, outputs, streams."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from shared.devices import AUTO, family_of
from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.names import places, with_models, with_outputs
from shared.graph.rewrites.codecs import decoding
from shared.graph.rewrites.devices import MODELS, on_device, sharing_models
from shared.graph.rewrites.draft import Draft
from shared.graph.rewrites.live import is_live, newest_first
from shared.graph.rewrites.looping import repeating_images, repeats_itself
from shared.graph.rewrites.outputs import MAIN_SINK, Nothing, ToFile, with_metadata, with_output
from shared.graph.rewrites.sources import reads, with_sources
from shared.graph.rewrites.streams import joined, renamed_sources, stream
from shared.packing import PipelineTask
from workers.gst.request import Records, Request, Stream
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_live import LiveServer
from workers.handlers.pipeline_models import FoundModels, find_models
from workers.handlers.pipeline_sources import Found, find

_INTERVAL_S = 0.25
_OURS = "gva"
"""How elements begin that we have too."""
_VIDEO_SOURCES = frozenset({"filesrc", "urisourcebin", "uridecodebin", "uridecodebin3"})
_COMPILING = ("gvadetect", "gvaclassify", "gvainference")
_VIDEO = ".mp4"
_LINES = ".jsonl"


@dataclass(slots=True)
class Plan:
    """What is run. ``requests``: one for each process.

    ``outputs`` and ``metadata``: files that the main sinks and the publishers of records will have written;
    ``named``: a folder of files that the graph itself names. ``frames``: of all streams, 0 where nobody knows.
    ``live_urls``: by stream, if they are published. ``secrets``: what nobody may be told, and what stands for it.
    ``held``: models and media, which stay on this machine as long as the plan does.
    """

    requests: list[Request]
    outputs: list[Path]
    metadata: list[Path]
    named: Path
    frames: int
    live_urls: list[str]
    secrets: Mapping[str, str]
    held: list[object]

    def hidden(self, text: str) -> str:
        """``text`` without the secrets."""
        for secret, instead in self.secrets.items():
            text = text.replace(secret, instead)
        return text


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
        self._entry_of = environment.entry
        self._device = environment.device.id
        self._settings = environment.settings.pipelines
        self._elements = elements
        self._cache = (environment.settings.worker.data_dir / "compiled").resolve()

    def plan(self, task: PipelineTask, job_id: str, folder: Path, tenant: str) -> Plan:
        """Everything a run of ``task`` in ``folder`` needs is on this machine afterwards.

        ``tenant``: whose media may be read, beside those of the catalogue.
        Raises InvalidSpec, ModelNotInstalled, ModelUnusable, MediumNotInstalled, NoEncoder and what the stores do.
        """
        server = LiveServer.of(self._settings, job_id) if task.output_mode == "live_stream" else None
        named = _named(task)
        found = find(_read(*named), self._media, self._settings.cameras, tenant)
        models = find_models(_names(task.graph, "model"), folder, self._models, self._entry_of, self._device)
        files = [_Files(folder, number, task.streams) for number in range(task.streams)]
        files[0].named.mkdir(parents=True, exist_ok=True)
        graphs = [
            self._stream(task, graph, each, server)
            for graph, each in zip(self._all_placed(task, named, found, models), files, strict=True)
        ]
        sizes = _divided(task.streams, task.most_per_process(task.streams))
        parts = [files[begin:end] for begin, end in sizes]
        wholes = [joined(graphs[begin:end]) for begin, end in sizes]
        return Plan(
            requests=[self._request(task, graph, part) for graph, part in zip(wholes, parts, strict=True)],
            outputs=[each.output for each in files] if task.output_mode == "file" else [],
            metadata=[path for each in files for path in each.metadata],
            named=files[0].named,
            frames=0 if task.max_runtime_s else sum(_longest(graph, found) for graph in named),
            live_urls=[server.public(each.number) for each in files] if server else [],
            secrets={**found.secrets, **(server.secrets if server else {})},
            held=[*found.held, *models.held],
        )

    def codecs(self, task: PipelineTask, tenant: str) -> frozenset[str]:
        """Of what its streams read; empty text for one that nobody knows. Raises as ``plan`` does for media."""
        names = _read(*_named(task))
        found = find(names, self._media, self._settings.cameras, tenant)
        return frozenset(found.codec(name) for name in names)

    def _all_placed(
        self, task: PipelineTask, named: Sequence[Graph], found: Found, models: FoundModels
    ) -> Iterator[Graph]:
        """Of each stream; streams that read the same share one."""
        placed: dict[tuple[str, ...], Graph] = {}
        for number, graph in enumerate(named):
            inputs = tuple(task.inputs_of(number))
            if inputs not in placed:
                placed[inputs] = self._placed(task, graph, found, models)
            yield placed[inputs]

    def _placed(self, task: PipelineTask, graph: Graph, found: Found, models: FoundModels) -> Graph:
        """With sources, models and decoders where they shall be."""
        available = self._elements()
        graph = with_sources(graph, found.sources)
        if task.device != AUTO or not self._is_mix(graph):
            graph = on_device(graph, self._device, available)
        graph = _caching(with_models(graph, models.files), self._cache)
        if task.max_runtime_s:
            graph = repeating_images(graph)
        return newest_first(decoding(graph, found.codecs, self._device, available))

    def _is_mix(self, graph: Graph) -> bool:
        """Whether models of the graph are to run on devices of other kinds too: that is the client's choice."""
        named = {node.data.get("device", self._device) for node in graph.nodes if node.type in MODELS}
        return any(device.partition(".")[0] != family_of(self._device) for device in named)

    def _stream(self, task: PipelineTask, graph: Graph, files: _Files, server: LiveServer | None) -> Graph:
        output = ToFile(str(files.output)) if task.output_mode == "file" else Nothing()
        if server is not None:
            output = server.output(files.number)
        graph = with_outputs(graph, {name: files.own(name) for name in _names(graph, "output")})
        graph = with_output(graph, output, self._device, self._elements())
        graph = with_metadata(graph, files.records if task.metadata_mode == "file" else None)
        return stream(graph, 0, files.number, MAIN_SINK).graph

    def _request(self, task: PipelineTask, graph: Graph, files: Sequence[_Files]) -> Request:
        return Request(
            text=emit(sharing_models(graph)),
            streams=tuple(Stream(each.number, f"sink_p0_s{each.number}") for each in files),
            max_runtime_s=task.max_runtime_s or None,
            loop=task.max_runtime_s > 0 and _must_be_wound_back(graph),
            latency=task.latency_metrics,
            plugins=any(node.type.startswith(_OURS) and node.type not in self._elements() for node in graph.nodes),
            interval_s=_INTERVAL_S,
            records=tuple(Records(each.number, str(path)) for each in files for path in each.metadata),
        )


def _named(task: PipelineTask) -> list[Graph]:
    """By stream, each with the names of what it reads."""
    return [renamed_sources(task.graph, task.inputs_of(number)) for number in range(task.streams)]


def _divided(streams: int, most: int) -> list[tuple[int, int]]:
    """First stream and the one behind the last of each process: as few processes as ``most`` allows, even ones."""
    count = -(-streams // most)
    edges = [number * streams // count for number in range(count + 1)]
    return list(pairwise(edges))


def _names(graph: Graph, named: str) -> list[str]:
    """What of this kind the graph names, each once."""
    return list(dict.fromkeys(place.value for place in places(graph) if place.named == named and place.value))


def _read(*graphs: Graph) -> list[str]:
    return [name for graph in graphs for node in graph.nodes if (name := reads(node.type, node.data))]


def _longest(graph: Graph, found: Found) -> int:
    """Frames of the longest medium of a stream; 0 if nobody knows."""
    return max((found.frames.get(name, 0) for name in _read(graph)), default=0)


def _must_be_wound_back(graph: Graph) -> bool:
    """Whether its videos are to be repeated by whoever runs it. Beside a camera they are read once.

    Raises InvalidSpec for videos beside image sets, which begin again by themselves.
    """
    if is_live(graph):
        return False
    if repeats_itself(graph) and any(node.type in _VIDEO_SOURCES for node in graph.nodes):
        says = "videos and image sets can't be repeated in one process: use isolation `stream`"
        raise InvalidSpec(("/max_runtime_s", says))
    return not repeats_itself(graph)


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
