"""From graph to text: what GStreamer reads as the same pipeline."""

from collections.abc import Sequence

from shared.errors import InvalidSpec
from shared.graph import caps
from shared.graph.checks import structure_of, unwritable
from shared.graph.layout import Layout, Stop, lay_out
from shared.graph.model import Edge, Graph, Node
from shared.graph.values import written


def emit(graph: Graph) -> str:
    """The text of ``graph``, on one line if its values are.

    Reading it gives the same graph if ``graph`` came from a text, else the same but for ids, and for names of
    elements that only a reference can reach. Raises InvalidSpec with a pointer to all that can't be written;
    whether the pipeline makes sense isn't asked.
    """
    if broken := unwritable(graph):
        raise InvalidSpec(*broken)
    ordered = graph.ordered()
    layout = lay_out(ordered.nodes, ordered.edges)
    if broken := _unreferable(graph, layout):
        raise InvalidSpec(*broken)
    names = _names(layout)
    return " ".join(_chain(layout.nodes, chain, names) for chain in layout.chains)


def _unreferable(graph: Graph, layout: Layout) -> list[tuple[str, str]]:
    number = {node.id: at for at, node in enumerate(graph.nodes)}
    return [
        (f"/nodes/{number[node.id]}/data/name", f"{node.name!r} can't be referred to: letters, digits, _ - : %")
        for node in (layout.nodes[at] for at in layout.named)
        if node.name is not None
    ]


def _names(layout: Layout) -> dict[int, str]:
    """What references say. A new name ends in ``_<number>``: GStreamer's own are ``tee0``."""
    names = {at: node.name for at, node in enumerate(layout.nodes) if node.name is not None}
    taken = set(names.values())
    count = 0
    for at in sorted(layout.named):
        node = layout.nodes[at]
        while (name := f"{'capsfilter' if node.is_caps else node.type}_{count}") in taken:
            count += 1
        taken.add(name)
        names[at] = name
    return names


def _chain(nodes: Sequence[Node], chain: Sequence[Stop], names: dict[int, str]) -> str:
    words: list[str] = []
    after_caps = False
    for place, stop in enumerate(chain):
        left = stop.link
        right = chain[place + 1].link if place + 1 < len(chain) else None
        node = nodes[stop.node]
        if stop.is_reference:
            pad = left.target_pad if left else right.source_pad if right else None
            words.append(f"{names[stop.node]}.{pad or ''}")
            continue
        text = None if after_caps else _inline(node, left, right, stop.node in names)
        after_caps = text is not None
        words.append(text or _element(node, names.get(stop.node), left, right))
    return " ! ".join(words)


def _inline(node: Node, left: Edge | None, right: Edge | None, has_name: bool) -> str | None:
    if not node.is_caps or has_name or left is None or right is None or left.target_pad or right.source_pad:
        return None
    text = str(structure_of(node))
    return text if caps.is_inline(text) else None


def _element(node: Node, name: str | None, left: Edge | None, right: Edge | None) -> str:
    data = {"caps": str(structure_of(node))} if node.is_caps else node.data
    if name is not None and "name" not in data:
        data = {"name": name, **data}
    words = ["capsfilter" if node.is_caps else node.type]
    words += (f"{key}={written(key, value)}" for key, value in data.items())
    if left and left.target_pad:
        words.insert(0, f".{left.target_pad}")
    if right and right.source_pad:
        words.append(f".{right.source_pad}")
    return " ".join(words)
