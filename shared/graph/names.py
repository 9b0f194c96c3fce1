"""Names on the wire, paths in the worker: models, media and outputs of a pipeline by name, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared.errors import InvalidSpec
from shared.graph.checks import escaped
from shared.graph.elements import Elements, Named, shipped
from shared.graph.faults import Broken
from shared.graph.model import Graph, Node

CAMERA = "camera:"
"""How the name of a camera begins where a medium could stand too."""

_PRECISION = "@"
"""Stands between a model's name and the precision of the variant that is meant."""

_BESIDE_A_MODEL = ("model-proc", "labels-file")


@dataclass(frozen=True, slots=True)
class Place:
    """A property that names something. ``pointer`` leads into the graph it was found in."""

    pointer: str
    node: str
    key: str
    named: Named
    value: str


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Paths of an installed model; what it doesn't need is None."""

    model: str
    model_proc: str | None = None
    labels: str | None = None


def model_of(value: str) -> tuple[str, str]:
    """The name of a model and the precision behind it, empty if none: ``person-ssdlite@INT8``."""
    name, _, precision = value.partition(_PRECISION)
    return name, precision


def with_precision(graph: Graph, precision: str) -> Graph:
    """``graph`` with every model in its variant of this precision."""
    found = [place for place in _places(graph, shipped()) if place.named == "model" and place.value]
    values = {place.node: {place.key: f"{model_of(place.value)[0]}{_PRECISION}{precision}"} for place in found}
    return _changed(graph, values)


def places(graph: Graph, elements: Elements | None = None) -> list[Place]:
    """Everything that ``graph`` names, in the order of its nodes, also where the name is left empty."""
    return list(_places(graph, elements or shipped()))


def with_models(graph: Graph, models: Mapping[str, ModelFiles], elements: Elements | None = None) -> Graph:
    """Catalogue names become paths. Raises InvalidSpec with a pointer to every name that ``models`` hasn't."""
    found = [place for place in _places(graph, elements or shipped()) if place.named == "model"]
    _must_have(found, models, "model")
    changes: dict[str, dict[str, str]] = {}
    for place in found:
        files = models[place.value]
        beside = {"model-proc": files.model_proc, "labels-file": files.labels} if place.key == "model" else {}
        changes[place.node] = {place.key: files.model, **{key: path for key, path in beside.items() if path}}
    return _changed(graph, changes)


def with_outputs(graph: Graph, outputs: Mapping[str, str], elements: Elements | None = None) -> Graph:
    """Names of output files become paths. Raises InvalidSpec with a pointer to every name ``outputs`` hasn't.

    A property that is left empty stays so.
    """
    found = [place for place in _places(graph, elements or shipped()) if place.named == "output" and place.value]
    _must_have(found, outputs, "output")
    return _changed(graph, {place.node: {place.key: outputs[place.value]} for place in found})


def with_names(graph: Graph, models: Mapping[str, str], media: Mapping[str, str]) -> Graph:
    """Paths become names; both mappings go from path to name.

    A path that isn't there as it stands is looked for by its last two parts, then by its file name, if only one
    name fits. What belongs to a known model (its model-proc, its labels) goes. Unknown paths stay: the policy
    refuses them with a reason.
    """
    known = {"model": _ByTail(models), "media": _ByTail(media)}
    changes: dict[str, dict[str, str | None]] = {}
    for place in _places(graph, shipped()):
        names = known.get(place.named)
        name = names.find(place.value.removeprefix("file://")) if names and place.value else None
        if name is not None:
            beside = dict.fromkeys(_BESIDE_A_MODEL) if place.named == "model" else {}
            changes.setdefault(place.node, {}).update({place.key: name, **beside})
    return _changed(graph, changes)


def _places(graph: Graph, elements: Elements) -> Iterator[Place]:
    for number, node in enumerate(graph.nodes):
        group = elements.by_type.get(node.type)
        for key, named in group.names.items() if group else ():
            if key in node.data:
                pointer = f"/nodes/{number}/data/{escaped(key)}"
                yield Place(pointer, node.id, key, named, node.data[key])


def _must_have(found: list[Place], names: Mapping[str, object], what: str) -> None:
    broken: list[Broken] = [
        (place.pointer, f"there is no {what} {place.value!r}" if place.value else f"name a {what}")
        for place in found
        if place.value not in names
    ]
    if broken:
        raise InvalidSpec(*broken)


def _changed(graph: Graph, changes: Mapping[str, Mapping[str, str | None]]) -> Graph:
    """``graph`` with values set, or dropped where they are None; new ones stand behind the one they belong to."""
    return Graph.of((_set(node, changes.get(node.id)) for node in graph.nodes), graph.edges)


def _set(node: Node, change: Mapping[str, str | None] | None) -> Node:
    if not change:
        return node
    data: dict[str, str | None] = {}
    for key, value in node.data.items():
        data[key] = change.get(key, value)
        if key in change:
            data.update({beside: each for beside, each in change.items() if beside not in node.data})
    return node.model_copy(update={"data": {key: value for key, value in data.items() if value is not None}})


class _ByTail:
    """Names by path, by the last two parts of a path, and by file name where that is enough."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._exact = names
        self._tails: dict[tuple[str, ...], set[str]] = {}
        for path, name in names.items():
            parts = PurePosixPath(path).parts
            for length in (1, 2):
                self._tails.setdefault(parts[-length:], set()).add(name)

    def find(self, path: str) -> str | None:
        if path in self._exact:
            return self._exact[path]
        parts = PurePosixPath(path).parts
        for length in (2, 1):
            if len(names := self._tails.get(parts[-length:], set())) == 1:
                return next(iter(names))
        return None
