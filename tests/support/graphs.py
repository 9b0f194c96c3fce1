"""Pipelines to test with: the corpus, texts and graphs made up by Hypothesis, and how two graphs are compared."""

from collections import Counter
from pathlib import Path

from hypothesis import strategies as st

from shared.graph.checks import structure_of
from shared.graph.model import Edge, Graph, Node
from shared.graph.values import is_writable

_CORPUS = Path(__file__).parents[1] / "unit" / "shared" / "graph" / "corpus" / "real.txt"

PLAIN = frozenset({"videoconvert", "avdec_h264", "avdec_h265", "jpegdec", "openh264enc", "x264enc"})
INTEL = PLAIN | {"vapostproc", "vah264dec", "vah265dec", "vajpegdec", "vah264enc", "vah264lpenc"}
NVIDIA = PLAIN | {"nvh264dec", "nvh265dec", "cudadownload", "nvh264enc"}
"""Elements that are installed, by hardware."""


def corpus() -> dict[str, str]:
    """Realistic texts by their title."""
    blocks = _CORPUS.read_text("utf-8").split("==== ")[1:]
    return {block.partition("\n")[0]: block.partition("\n")[2] for block in blocks}


# Texts: what they are made of.

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
blanks = st.sampled_from([" ", "  ", "\n", "\t", ' # a comment ! of ( no = " effect\n', " \\\n "])
raw_values = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.text("a \\\"'!;,#=(){}[]\n\t/.", max_size=10),
    st.sampled_from(
        ["320", "a b", 'say "x"', "{'a': 1}", "C:\\", "!", "x.mp4", '{"k": "v\\n"}', "1/2", "#fff", "", "é"]
    ),
)
field_values = st.sampled_from(
    [
        "320",
        "(int)320",
        "{NV12,I420}",
        "{ NV12, I420 }",
        "[ 1, 100 ]",
        "30/1",
        '"a b"',
        '"a!b;c"',
        '"q\\"q"',
        "<1,2>",
    ]
)
media = st.sampled_from(["video/x-raw", "video/x-raw(memory:VAMemory)", "image/jpeg", "a/b(x:Y, z:W)"])
_keys = st.sampled_from(["location", "width", "a-b", "sink_0::xpos", "caps", "model", "@preset"])
properties = st.dictionaries(_keys, raw_values, max_size=3).map(
    lambda data: {key: value for key, value in data.items() if is_writable(key, value)}
)


def quoted(value: str, style: str) -> str:
    """``value`` as someone writes it by hand, in one of three ways."""
    if style == "bare" and value and "\n" not in value:
        return "".join(f"\\{letter}" if letter in "\\\"'! \t\r\v\f" else letter for letter in value)
    escaped = value.replace("\\", "\\\\")
    if style == "single":
        return "'" + escaped.replace("'", "\\'").replace('"', '\\"') + "'"
    return '"' + escaped.replace('"', '\\"') + '"'


class _Writer:
    """Draws a text chain by chain; ``declared`` names may be referred to from anywhere."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.declared = draw(st.lists(names, unique=True, max_size=3))
        self.waiting = list(self.declared)

    def one_of(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def text(self) -> str:
        chains = [self.chain(0) for _ in range(self.draw(st.integers(1, 3)))]
        chains += [f"tee{self.gap()}name={name}" for name in self.waiting]
        return self.gap().join(self.draw(st.permutations(chains)))

    def gap(self) -> str:
        return self.draw(blanks)

    def chain(self, depth: int) -> str:
        starts_with_reference = bool(self.declared) and self.draw(st.booleans()) and not depth
        words = [self.reference() if starts_with_reference else self.station(depth)]
        length = self.draw(st.integers(1 if starts_with_reference else 0, 3))
        for place in range(length):
            ends = place == length - 1 and bool(self.declared) and self.draw(st.booleans()) and not depth
            words += [self.link(), self.reference() if ends else self.station(depth)]
        return self.gap().join(words)

    def link(self) -> str:
        caps = self.draw(st.sampled_from(["", "caps", "caps", "many"]))
        if not caps:
            return "!"
        count = 1 if caps == "caps" else 2
        return (
            f"!{self.gap()}" + self.one_of(";", " ; ").join(self.caps() for _ in range(count)) + f"{self.gap()}!"
        )

    def caps(self) -> str:
        fields = self.draw(st.dictionaries(names, field_values, max_size=3))
        return self.one_of(",", ", ", " , ").join([self.draw(media), *(f"{k}={v}" for k, v in fields.items())])

    def reference(self) -> str:
        return f"{self.draw(st.sampled_from(self.declared))}.{self.one_of('', 'src_0', 'sink_%u')}"

    def station(self, depth: int) -> str:
        if depth < 2 and self.draw(st.integers(0, 9)) == 0:
            chains = [self.chain(depth + 1) for _ in range(self.draw(st.integers(1, 2)))]
            return f"({self.gap()}{self.gap().join(chains)}{self.gap()})"
        data = self.draw(properties)
        pairs = [
            f"{key}{self.one_of('=', ' = ')}{quoted(value, self.one_of('bare', 'single', 'double'))}"
            for key, value in data.items()
        ]
        if self.waiting and self.draw(st.booleans()):
            pairs.append(f"name={self.waiting.pop()}")
        return self.gap().join([self.one_of("queue", "x264enc", "my-own_1", "capsfilter"), *pairs])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Well-formed texts in every manner of writing."""
    return _Writer(draw).text() + draw(st.sampled_from(["", " ", "\n"]))


# Graphs as a client may post them.


@st.composite
def nodes(draw: st.DrawFn, node_id: str, tag: str) -> Node:
    """A node that says ``tag`` in its data."""
    if draw(st.integers(0, 3)) == 0:
        fields = draw(st.dictionaries(names.filter(lambda name: name != "tag"), field_values, max_size=2))
        return Node(id=node_id, type=draw(media), data={"tag": tag, **fields})
    data = {"tag": tag, **draw(properties)}
    if draw(st.booleans()):
        data["name"] = f"n{tag}"
    return Node(id=node_id, type=draw(st.sampled_from(["queue", "tee", "mux"])), data=data)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Writable graphs with any ids, in any order, also with circles; every node has a tag of its own."""
    ids = draw(st.lists(st.integers(0, 30).map(str) | names, min_size=1, max_size=8, unique=True))
    made = [draw(nodes(each, str(number))) for number, each in enumerate(ids)]
    pads = st.sampled_from([None, None, "src", "sink_%u", "p_1"])
    edge_ids = draw(st.lists(st.integers(0, 30).map(str) | names, max_size=10, unique=True))
    links = st.tuples(st.sampled_from(ids), st.sampled_from(ids), pads, pads)
    edges = [
        Edge(id=each, source=source, target=target, source_pad=out, target_pad=into)
        for each in edge_ids
        for source, target, out, into in [draw(links)]
    ]
    return Graph(nodes=draw(st.permutations(made)), edges=draw(st.permutations(edges)))


def shuffled(graph: Graph) -> st.SearchStrategy[Graph]:
    """The same graph with its lists in another order."""
    return st.builds(
        lambda nodes, edges: Graph(nodes=nodes, edges=edges),
        st.permutations(graph.nodes),
        st.permutations(graph.edges),
    )


def tag_of(node: Node) -> str:
    """The tag of a node from ``graphs``, also when a caps filter was written as an element."""
    if node.type == "capsfilter" and "tag" not in node.data:
        return node.data["caps"].partition("tag=")[2].partition(",")[0].partition(";")[0]
    return node.data["tag"]


def meaning(graph: Graph) -> tuple[object, ...]:
    """What a graph from ``graphs`` says, ids and invented names apart: its nodes, its edges, and the order of the
    edges at each end that leaves the choice of the pad open."""
    ordered = graph.ordered()
    tags = {node.id: tag_of(node) for node in ordered.nodes}
    said = {tags[node.id]: _says(node) for node in ordered.nodes}
    edges = [(tags[edge.source], tags[edge.target], edge.source_pad, edge.target_pad) for edge in ordered.edges]
    open_ends: dict[tuple[str, str], list[object]] = {}
    for edge in edges:
        for end, at, pad in (("out", edge[0], edge[2]), ("in", edge[1], edge[3])):
            if pad is None or "%" in pad:
                open_ends.setdefault((end, at), []).append(edge)
    return said, Counter(edges), open_ends


def _says(node: Node) -> object:
    if node.is_caps:
        return str(structure_of(node))
    if node.type == "capsfilter" and "tag" not in node.data:
        return node.data["caps"]
    kept = {key: value for key, value in node.data.items() if key != "name" or value.startswith("n")}
    return node.type, list(kept.items())
