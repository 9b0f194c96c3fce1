"""What a client's pipeline may not do. Default deny: what the table and the operator don't allow is refused.

It reads graphs as they stand on the wire, with names in the place of paths, before a worker puts paths in.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.graph.checks import escaped
from shared.graph.elements import Elements, Group, Named, shipped
from shared.graph.faults import Broken
from shared.graph.model import Graph, Node
from shared.graph.names import CAMERA

SETTING = "FRAMELANE_PIPELINES__ALLOW"

_NAME = re.compile(r"[^./\\:\x00-\x1f\x7f-][^/\\:\x00-\x1f\x7f]{0,199}\Z")
_OUTPUT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]|%0?\d?d){0,99}\Z")
_CONFIG_KEY_OUTSIDE = re.compile(r"DIR|FILE|PATH|PLUGIN|LIBRARY|EXTENSION|BLOB", re.IGNORECASE)

_NAMED: dict[Named, str] = {
    "model": "takes the name of a model of the catalogue, not a path",
    "media": "takes the name of a video, image set or camera (camera:<name>), not a path or address",
    "camera": "takes the name of a camera (camera:<name>), not an address or device file",
    "output": "takes a plain file name; the file becomes an artifact of that name",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something a pipeline may not have. ``key`` is None when it is the element itself."""

    pointer: str
    node: str
    element: str
    key: str | None
    message: str

    @property
    def broken(self) -> Broken:
        """As InvalidSpec lists it."""
        return self.pointer, self.message


@dataclass(frozen=True, slots=True)
class Policy:
    """The table and what an operator allows beside it.

    ``allow``: ``element`` (with the properties that aren't "outside" in the table) or ``element.property`` (of an
    element that is allowed, with any value); both parts may be globs.
    """

    elements: Elements
    allow: Sequence[str] = ()

    @classmethod
    def shipped(cls, allow: Sequence[str] = ()) -> "Policy":
        """With the table that ships."""
        return cls(shipped(), tuple(allow))

    def refusals(self, graph: Graph) -> list[Refusal]:
        """Everything ``graph`` may not have, in the order of its nodes. Empty: it may be saved and run."""
        return [
            refusal
            for number, node in enumerate(graph.nodes)
            if not node.is_caps
            for refusal in self._of(f"/nodes/{number}", node)
        ]

    def _of(self, pointer: str, node: Node) -> Iterator[Refusal]:
        group = self.elements.by_type.get(node.type)
        if group is None:
            group = self._allowed_group(node.type)
        if group is None:
            message = f"{node.type} isn't allowed{self._remedy(node.type)}; an operator can allow it ({SETTING})"
            yield Refusal(f"{pointer}/type", node.id, node.type, None, message)
            return
        for key, value in node.data.items():
            if message := self._against(group, node.type, key, value):
                yield Refusal(f"{pointer}/data/{escaped(key)}", node.id, node.type, key, message)

    def _remedy(self, element: str) -> str:
        remedy = self.elements.remedy(element)
        return f": {remedy}" if remedy else ""

    def _allowed_group(self, element: str) -> Group | None:
        """Of an element that only the operator's list has."""
        if any(fnmatchcase(element, entry) for entry in self.allow if "." not in entry):
            return Group(role="allowed", elements=[element], free="any")
        return None

    def _against(self, group: Group, element: str, key: str, value: str) -> str:
        """Why ``key`` may not have ``value``; empty if it may."""
        if key == "name" or group.is_free(key, self.elements.outside) or self._allows(element, key):
            return ""
        if named := group.names.get(key):
            return "" if _is_name(named, value) else f"{element}.{key} {_NAMED[named]}"
        if kind := group.words.get(key):
            inside = _is_inside(value, is_config=kind == "config")
            return "" if inside else f"{element}.{key} takes no paths and nothing that leads to files"
        if fixed := group.fixed.get(key):
            return "" if value in fixed else f"{element}.{key} takes {' or '.join(fixed)}"
        return f"{element}.{key} may not be set; an operator can allow it ({SETTING})"

    def _allows(self, element: str, key: str) -> bool:
        pairs = (entry.partition(".") for entry in self.allow)
        return any(dot and fnmatchcase(element, left) and fnmatchcase(key, right) for left, dot, right in pairs)


def _is_name(named: Named, value: str) -> bool:
    """Whether ``value`` is a name, or empty: a template leaves it to whoever uses it."""
    pattern = _OUTPUT if named == "output" else _NAME
    if named in {"media", "camera"}:
        value = value.removeprefix(CAMERA)
    return not value or (bool(pattern.match(value)) and ".." not in value)


def _is_inside(value: str, *, is_config: bool) -> bool:
    if "/" in value or "\\" in value or ".." in value:
        return False
    keys = [part.partition("=")[0] for part in value.split(",")] if is_config else []
    return not any(_CONFIG_KEY_OUTSIDE.search(key) for key in keys)
