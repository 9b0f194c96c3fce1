r"""Caps: ``video/x-raw(memory:VAMemory), format={NV12, I420}; image/jpeg``.

A shell's backslashes before brackets are dropped. Inside double quotes everything stays as it is, also ``!``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MEDIA = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9.+_-]+")

_TYPE = re.compile(rf"({MEDIA.pattern})\s*(?:\(\s*([^()]*[^()\s])\s*\))?\s*\Z")
_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_./:+-]*)\s*=\s*(.*\S)\s*\Z", re.DOTALL)
_PIECE = re.compile(
    r"""(?P<quoted>"(?:[^"\\]++|\\.)*+")
    | \\(?P<bracket>[()\[\]{}<>])
    | (?P<blank>(?:\s|\\\r?\n|(?<=\s)\#[^\n]*)++)
    | (?P<mark>[,;!()\[\]{}<>])
    | (?P<plain>[^\s"\\,;!()\[\]{}<>]++)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_HAZARD = re.compile(r"[\\!;]")


@dataclass(frozen=True, slots=True)
class Structure:
    """One alternative of caps: a media type with its features, and fields as text."""

    type: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        return ",".join([self.type, *(f"{name}={value}" for name, value in self.fields.items())])


class CapsError(ValueError):
    """What stands at ``at`` isn't what caps need there."""

    def __init__(self, at: int, expected: str) -> None:
        super().__init__(expected)
        self.at = at
        self.expected = expected


@dataclass(slots=True)
class _Reader:
    text: str
    at: int
    open: list[str] = field(default_factory=list[str])
    part: list[str] = field(default_factory=list[str])
    part_at: int = 0
    type: str = ""
    fields: dict[str, str] = field(default_factory=dict[str, str])
    structures: list[Structure] = field(default_factory=list[Structure])

    def read(self) -> None:
        self.part_at = self.at
        while self.at < len(self.text):
            piece = _PIECE.match(self.text, self.at)
            if piece is None:
                closing = '"' if self.text[self.at] == '"' else "no backslash outside of quotes"
                raise CapsError(self.at, f"a closing {closing}" if closing == '"' else closing)
            if piece["mark"] and not self._mark(piece["mark"]):
                break
            if not piece["mark"]:
                self.part.append(" " if piece["blank"] else piece["bracket"] or piece[0])
                self._track(piece["bracket"])
            self.at = piece.end()
        if self.open:
            raise CapsError(self.at, f"a closing {_CLOSING[self.open[-1]]}")
        self._end_structure()

    def _mark(self, mark: str) -> bool:
        """Whether the caps go on after ``mark``."""
        if mark == "!":
            return False
        if mark in ",;" and not self.open:
            self._end_part() if mark == "," else self._end_structure()
            self.part_at = self.at + 1
        else:
            self.part.append(mark)
            self._track(mark)
        return True

    def _track(self, mark: str | None) -> None:
        if mark in _CLOSING:
            self.open.append(mark)
        elif mark in _CLOSING.values() and (not self.open or _CLOSING[self.open.pop()] != mark):
            raise CapsError(self.at, f"no {mark} here")

    def _end_part(self) -> None:
        part = "".join(self.part).strip()
        self.part.clear()
        if not self.type:
            found = _TYPE.match(part)
            if found is None:
                raise CapsError(self.part_at, "a media type such as video/x-raw")
            self.type = f"{found[1]}({found[2]})" if found[2] else found[1]
            return
        found = _FIELD.match(part)
        if found is None:
            raise CapsError(self.part_at, "a field such as width=640")
        self.fields.pop(found[1], None)
        self.fields[found[1]] = found[2]

    def _end_structure(self) -> None:
        self._end_part()
        self.structures.append(Structure(self.type, self.fields))
        self.type, self.fields = "", {}


def read(text: str, at: int = 0) -> tuple[list[Structure], int]:
    """The alternatives that start at ``at``, and where they end: at a ``!`` or the end. Raises CapsError."""
    reader = _Reader(text, at)
    reader.read()
    return reader.structures, reader.at


def read_one(text: str) -> Structure | None:
    """The caps of ``text`` if they have one alternative and end where it ends."""
    try:
        structures, end = read(text)
    except CapsError:
        return None
    return structures[0] if len(structures) == 1 and end == len(text) else None


def is_inline(text: str) -> bool:
    """Whether every version of GStreamer reads ``text`` between two links as it reads it as a property."""
    return not _HAZARD.search(text)
