"""Parts of a file that a client asks for. Pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


class Unsatisfiable(ValueError):
    """Nothing of the file lies there."""


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes from ``start`` of a file of ``size``."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def asked_span(header: str | None, size: int) -> Span | None:
    """The one part that is asked for; None for all of the file. Raises Unsatisfiable.

    Several parts at once, or what can't be read, count as nothing (RFC 9110 lets a server ignore them): a header
    with thousands of parts costs no more than none.
    """
    found = _RANGE.match(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, last = max(size - int(found[2]), 0), size - 1
        if found[2].strip("0") == "":
            raise Unsatisfiable
    else:
        start, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
        if found[2] and int(found[2]) < start:
            return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, last - start + 1, size)
