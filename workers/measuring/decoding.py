"""Forms of a pipeline with other decoders, or with other settings of its own. Pure.

A value is the decoder as it would stand in a text: ``avdec_h264 max-threads=1``.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from shared.devices import Device, family_of
from shared.graph.model import Graph
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import Decoder, decodebins, decoder_named, decoders
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.sources import RAW

_BINS = ("decodebin3", "decodebin")
_THREADS = ("max-threads", "n-threads", "threads")
"""What decoders call the number of their threads."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What GStreamer has here: names of all elements, and of the properties of those that are asked about."""

    elements: AbstractSet[str] = frozenset()
    properties: Mapping[str, AbstractSet[str]] = field(default_factory=dict[str, AbstractSet[str]])

    def has(self, element: str, key: str) -> bool:
        """Whether an element has a property."""
        return key in self.properties.get(element, ())


def decoders_of(graph: Graph, codecs: AbstractSet[str], device: str, elements: AbstractSet[str]) -> list[Decoder]:
    """What can decode the pipeline's media, its own way first; none where it reads no or several codecs.

    ``codecs``: of the media that its sources read; ``device``: that of the job.
    """
    draft = Draft(graph)
    own = {found for part in draft.parts if (found := decoder_named(part.type))}
    read = {each.codec for each in own} | {codec for codec in codecs if decodebins(draft)}
    if len(read) != 1 or len(own) > 1:
        return []
    found = decoders(read.pop(), family_of(device), elements)
    if not own:
        return found
    first = own.pop()
    return [first, *(each for each in found if each != first and first.kind in {"cpu", each.kind})]


def choices(found: Sequence[Decoder], graph: Graph, machine: Machine, threads: Sequence[int]) -> Iterator[str]:
    """Each decoder by itself, and with each number of threads that it can be told; not what is done anyway."""
    own = {_text(part.type, part.data) for part in Draft(graph).parts if decoder_named(part.type)}
    if found and not own:  # the worker takes the first in place of a decodebin
        own = {found[0].element}
    for each in found:
        download = "".join(f" ! {part.type}" for part in each.download(machine.elements))
        key = next((key for key in _THREADS if machine.has(each.element, key)), "")
        settings = [dict[str, str](), *({key: str(number)} for number in threads if key)]
        for text in (_text(each.element, setting) for setting in settings):
            if text not in own:
                yield text + download


def other_bins(graph: Graph, codecs: AbstractSet[str], elements: AbstractSet[str]) -> list[str]:
    """The other decodebin, where that of the graph stays: the worker knows no decoder for what it reads."""
    types = {part.type for part in decodebins(Draft(graph))}
    if len(types) != 1 or RAW in codecs or any(decoders(codec, Device.CPU, elements) for codec in codecs):
        return []
    return [each for each in _BINS if each not in types and each in elements]


def decoded_by(graph: Graph, value: str) -> Graph:
    """With this decoder in place of its decodebins and its own decoders; or with the other decodebin."""
    draft = Draft(graph)
    chain = parse(value).nodes
    found = decoder_named(chain[0].type)
    bins = decodebins(draft)
    if found is None:
        for part in bins:
            part.type, part.data = chain[0].type, _name(part)
        return draft.graph()
    own = [(part, kind) for part in draft.parts if (kind := decoder_named(part.type))]
    for part in bins:
        made = [*found.before(), *_made(chain[0].data, value), *found.behind()]
        draft.replace(part, [Part("parsebin"), *made])
    for part, was in own:
        parsed = {each.source.type for each in draft.into(part)}
        before = [each for each in found.before() if each.type not in parsed]
        behind = [] if was.kind == found.kind else found.behind()
        draft.replace(part, [*before, *_made(_name(part) | chain[0].data, value), *behind])
    return draft.graph()


def _made(data: Mapping[str, str], value: str) -> list[Part]:
    """The parts of a value, the first with ``data``."""
    first, *rest = parse(value).nodes
    return [Part(first.type, dict(data)), *(Part(node.type, dict(node.data)) for node in rest)]


def _name(part: Part) -> dict[str, str]:
    return {key: value for key, value in part.data.items() if key == "name"}


def _text(element: str, data: Mapping[str, str]) -> str:
    return " ".join([element, *(f"{key}={value}" for key, value in sorted(data.items()) if key != "name")])
