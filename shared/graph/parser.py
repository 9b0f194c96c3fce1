"""From text to graph: a reader of GStreamer's launch syntax that finds every fault it can."""

import re
from dataclasses import dataclass, field

from shared.graph import caps, values
from shared.graph.faults import MOST_FAULTS, PipelineUnreadable, TextFault
from shared.graph.model import ELEMENT, MAX_EDGES, MAX_NODES, Edge, Graph, Node
from shared.graph.tokens import Tokens

MAX_TEXT = 65_536
"""Characters of a text that is read."""

_DEEPEST = 20
_UNREADABLE = re.compile(r"[\0\ud800-\udfff]")
_STATION = "an element, a reference such as t. or a bin"


class _GiveUpError(Exception):
    """Enough faults were found."""


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a link: a node that is known, or a name that may stand anywhere in the text."""

    at: int
    node: int = -1
    name: str = ""
    pad: str | None = None


@dataclass(frozen=True, slots=True)
class _Station:
    """What stands between links. ``None``: it couldn't be read."""

    entry: _End | None = None
    exit: _End | None = None
    is_reference: bool = False


@dataclass(slots=True)
class _Parser:
    tokens: Tokens
    nodes: list[Node] = field(default_factory=list[Node])
    links: list[tuple[_End, _End]] = field(default_factory=list[tuple[_End, _End]])
    names: dict[str, int] = field(default_factory=dict[str, int])
    faults: dict[int, TextFault] = field(default_factory=dict[int, TextFault])

    def fault(self, expected: str, at: int | None = None) -> None:
        """Note what was expected at ``at`` (default: here); of several faults at one place the first counts."""
        at = self.tokens.at if at is None else at
        if at not in self.faults:
            self.faults[at] = self.tokens.fault(expected, at)
        if len(self.faults) >= MOST_FAULTS:
            raise _GiveUpError

    def graph(self) -> Graph:
        self.chains(0)
        if len(self.links) > MAX_EDGES:
            self.fault(f"at most {MAX_EDGES:,} links")
        if not self.nodes and not self.faults:
            self.fault("an element")
        edges = [
            Edge(
                id=str(number),
                source=str(self.resolved(source)),
                target=str(self.resolved(target)),
                source_pad=source.pad,
                target_pad=target.pad,
            )
            for number, (source, target) in enumerate(self.links)
        ]
        return Graph.of(self.nodes, edges)

    def resolved(self, end: _End) -> int:
        node = self.names.get(end.name, -1) if end.name else end.node
        if node < 0:
            self.fault(f"the name of an element: none is called {end.name}", end.at)
        return node

    def chains(self, depth: int) -> _Station:
        """Chains up to the end of the text or of the bin. A bin is entered at its first, left at its last end."""
        entry = exit_ = None
        count = 0
        while not self.tokens.has("end") and not (self.tokens.has("close") and depth):
            station = self.chain(depth)
            entry = station.entry if count == 0 else entry
            exit_ = station.exit
            count += 1
        return _Station(entry, exit_)

    def chain(self, depth: int) -> _Station:
        first = last = self.station(depth)
        if last.is_reference and not self.tokens.has("link"):
            self.fault("! after a reference that starts a chain")
        while self.linked(last):
            last = self.target(last, depth)
            if last.is_reference and self.tokens.has("link"):
                self.fault("a new chain: nothing follows a reference at the end of one")
        return _Station(
            None if first.is_reference else first.entry,
            None if last.is_reference else last.exit,
        )

    def linked(self, last: _Station) -> bool:
        return self.tokens.has("link") or (self.tokens.has("pad") and not last.is_reference)

    def target(self, last: _Station, depth: int) -> _Station:
        """Read ``.pad ! caps ! .pad station``; everything but the first ``!`` and the station may be absent."""
        source = last.exit
        if self.tokens.has("pad"):
            source = _with_pad(source, self.pad())
        if not self.tokens.has("link"):
            self.fault("! after a pad")
            return _Station()
        self.tokens.next()
        while self.tokens.has("caps"):
            source = self.filtered(source)
        pad_at = self.tokens.at
        pad = self.pad() if self.tokens.has("pad") else None
        before = len(self.links)
        station = self.station(depth)
        if pad and station.is_reference:
            self.fault(f"a reference with its pad: name.{pad}", pad_at)
        self.link(source, _with_pad(station.entry, pad), before)
        return station

    def pad(self) -> str:
        pad = self.tokens.part("pad")
        self.tokens.next()
        if self.tokens.has("other") and self.tokens.part("other").startswith(","):
            self.fault("one pad: write a link for each")
            self.tokens.next()
        return pad

    def filtered(self, source: _End | None) -> _End | None:
        """Read inline caps and the ``!`` behind them; the end that the next link starts from."""
        at = self.tokens.at
        try:
            structures, end = caps.read(self.tokens.text, at)
        except caps.CapsError as error:
            self.fault(error.expected, error.at)
            self.tokens.move(_end_of_caps(self.tokens))
            node = None
        else:
            self.tokens.move(end)
            node = self.add(at, *_caps_node(structures))
            self.link(source, node, len(self.links))
        if self.tokens.has("link"):
            self.tokens.next()
        else:
            self.fault("! after caps")
        return node

    def link(self, source: _End | None, target: _End | None, before: int) -> None:
        """Note a link; that into a bin comes ``before`` those inside it. An end that wasn't read was told of."""
        if source and target:
            self.links.insert(before, (source, target))
        elif not self.faults:
            self.fault("an element where the bin begins or ends, not a reference")

    def station(self, depth: int) -> _Station:
        match self.tokens.kind:
            case "element":
                end = self.element()
                return _Station(end, end)
            case "reference":
                return self.reference()
            case "open":
                return self.bin(depth + 1)
            case _:
                self.misfit(depth)
                return _Station()

    def misfit(self, depth: int) -> None:
        """Tell what stands where a station should, and pass over it unless the caller can go on with it."""
        kind = self.tokens.kind
        if kind == "caps":
            self.fault("an element: caps stand between two links")
            self.tokens.move(_end_of_caps(self.tokens))
            return
        if kind == "address":
            self.fault("an element: write an address as a property, as in urisourcebin uri=…")
        else:
            self.fault(_STATION)
        if kind == "key":
            self.assignment({})
        elif kind not in {"link", "end"} and not (kind == "close" and depth):
            self.tokens.next()

    def reference(self) -> _Station:
        end = _End(
            at=self.tokens.at,
            name=self.tokens.part("reference"),
            pad=self.tokens.part("reference_pad") or None,
        )
        self.tokens.next()
        return _Station(end, end, is_reference=True)

    def bin(self, depth: int) -> _Station:
        """Read a bin and keep what is in it: it only groups."""
        opened = self.tokens.fault("")
        if depth > _DEEPEST:
            self.fault(f"at most {_DEEPEST} bins inside each other")
            raise _GiveUpError
        if self.tokens.part("bin") not in {"", "bin"}:
            self.fault("a plain bin: ( … )")
        self.tokens.next()
        while self.tokens.has("key"):
            if self.tokens.part("key") != "name":
                self.fault("an element: a bin's own properties can't be kept")
            self.assignment({})
        if self.tokens.has("close"):
            self.fault("an element in the bin")
        station = self.chains(depth)
        if self.tokens.has("close"):
            self.tokens.next()
        else:
            self.fault(f"a ) for the bin of line {opened.line}, column {opened.column}")
        return station

    def element(self) -> _End:
        at = self.tokens.at
        type_ = self.tokens.part("element")
        if not ELEMENT.match(type_):
            self.fault("the name of an element: letters, digits, - and _")
        self.tokens.next()
        data: dict[str, str] = {}
        while self.tokens.has("key"):
            self.assignment(data)
        structure = caps.read_one(data["caps"]) if type_ == "capsfilter" and list(data) == ["caps"] else None
        return self.add(at, *((structure.type, dict(structure.fields)) if structure else (type_, data)))

    def assignment(self, data: dict[str, str]) -> None:
        """Read ``key=value`` into ``data``; the last of several wins, as GStreamer has it."""
        key = self.tokens.part("key")
        start = self.tokens.match.end()
        value = values.scan(self.tokens.text, start)
        if value is None or self.tokens.text[start : value[1]] == "!":
            is_open = self.tokens.text[start : start + 1] in {'"', "'"}
            self.fault("a closing quote" if is_open else f'a value; {key}="" is an empty one', start)
            self.tokens.move(len(self.tokens.text) if is_open else start)
            return
        if key == "name" and value[0] in self.names:
            self.fault(f"a name that no other element has: {value[0]} is taken", start)
        if not values.is_writable(key, value[0]):
            self.fault("a value without a backslash at the end of several lines, or a preset on one line", start)
        data.pop(key, None)
        data[key] = value[0]
        quoted = self.tokens.text[start] in {'"', "'"}
        self.tokens.move(value[1])
        if quoted and self.tokens.at == value[1] and not self.tokens.has("end", "link", "close"):
            self.fault("a blank after the closing quote")

    def add(self, at: int, type_: str, data: dict[str, str]) -> _End:
        number = len(self.nodes)
        if number >= MAX_NODES:
            self.fault(f"at most {MAX_NODES:,} elements", at)
            raise _GiveUpError
        node = Node(id=str(number), type=type_, data=data)
        self.nodes.append(node)
        if node.name is not None:
            self.names.setdefault(node.name, number)
        return _End(at, number)


def _with_pad(end: _End | None, pad: str | None) -> _End | None:
    return _End(end.at, end.node, end.name, pad) if end and pad else end


def _end_of_caps(tokens: Tokens) -> int:
    """Where reading can go on after caps that are wrong or out of place."""
    end = tokens.text.find("!", tokens.at)
    return len(tokens.text) if end < 0 else end


def _caps_node(structures: list[caps.Structure]) -> tuple[str, dict[str, str]]:
    if len(structures) == 1:
        return structures[0].type, dict(structures[0].fields)
    return "capsfilter", {"caps": "; ".join(map(str, structures))}


def parse(text: str) -> Graph:
    """The graph of ``text``; ids count from 0 in the order of the text, nodes and edges each on their own.

    Bins are dissolved. Raises PipelineUnreadable with every fault found, also for more than MAX_TEXT characters,
    MAX_NODES elements or MAX_EDGES links. The time it takes grows with the length of the text, whatever is in it.
    """
    parser = _Parser(Tokens(_readable(text)))
    try:
        graph = parser.graph()
    except _GiveUpError:
        graph = None
    if graph is None or parser.faults:
        raise PipelineUnreadable(*(fault for _, fault in sorted(parser.faults.items())))
    return graph


def _readable(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise PipelineUnreadable(Tokens(text).fault(f"at most {MAX_TEXT:,} characters", MAX_TEXT))
    if bad := _UNREADABLE.search(text):
        raise PipelineUnreadable(Tokens(text).fault("text: no NUL, no half of a character", bad.start()))
    return text
