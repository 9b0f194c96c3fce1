"""What is asked of a child, as it goes over its standard input. Standard library only."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from workers.gst.limits import Limits


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of the text. ``sink``: name of the element at which its frames are counted."""

    number: int
    sink: str


@dataclass(frozen=True, slots=True)
class Records:
    """A file of JSON lines that an element of the pipeline appends to."""

    stream: int
    path: str


@dataclass(frozen=True, slots=True)
class Request:
    """A pipeline to run: ``text`` in launch syntax, whose secrets stay between parent and child.

    ``max_runtime_s``: it is brought to its end then. ``loop``: its files begin again at their end, whatever their
    codec. ``latency``: from source to sink, at some cost. ``plugins``: our gva elements are made known first.
    ``interval_s``: between figures.
    """

    text: str
    streams: tuple[Stream, ...]
    max_runtime_s: float | None = None
    loop: bool = False
    latency: bool = False
    plugins: bool = False
    interval_s: float = 0.25
    records: tuple[Records, ...] = ()

    def to_line(self, limits: Limits) -> bytes:
        """One line for the child."""
        return json.dumps({"request": asdict(self), "limits": asdict(limits)}).encode() + b"\n"


def from_line(line: bytes) -> tuple[Request, Limits]:
    """What ``to_line`` wrote."""
    asked: dict[str, Any] = json.loads(line)
    request: dict[str, Any] = asked["request"]
    request["streams"] = tuple(Stream(**each) for each in request["streams"])
    request["records"] = tuple(Records(**each) for each in request["records"])
    return Request(**request), Limits(**asked["limits"])
