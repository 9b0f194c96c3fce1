"""Words of the text of a pipeline, one at a time, and where they stand."""

import re

from shared.graph import caps
from shared.graph.faults import TextFault
from shared.graph.model import IDENTIFIER
from shared.graph.values import BLANK

_WORD = IDENTIFIER + "+"  # possessive: nothing after an identifier can begin inside it
_TOKEN = re.compile(
    rf"""(?P<skipped>(?:[{BLANK}]++ | \\\r?\n | [#][^\n]*)*+)
    (?:(?P<caps>{caps.MEDIA.pattern})
    | (?P<address>[A-Za-z][A-Za-z0-9+.-]*+://[^{BLANK}]*+ | [.]?/[^{BLANK}]*+)
    | (?:(?P<bin>{_WORD})[.])?(?P<open>[(])
    | (?P<key>@preset|{_WORD})[{BLANK}]*+=[{BLANK}]*+
    | (?P<reference>{_WORD})[.](?P<reference_pad>{_WORD})?
    | (?P<element>{_WORD})
    | [.](?P<pad>{_WORD})
    | (?P<link>!)
    | (?P<close>[)])
    | (?P<other>[^{BLANK}]++)
    | (?P<end>))""",
    re.VERBOSE,
)
_LONGEST_FOUND = 40


class Tokens:
    """A place in a text. ``kind`` is the token's there (``end`` after the last), ``match`` its parts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.move(0)

    def move(self, at: int) -> None:
        """Look at the first token from ``at`` on, past blanks, comments and backslashes before line ends."""
        match = _TOKEN.match(self.text, at)
        assert match is not None  # noqa: S101  it matches everywhere
        last = match.lastgroup or ""
        self.match = match
        self.at = match.end("skipped")
        self.kind = "reference" if last == "reference_pad" else last

    def has(self, *kinds: str) -> bool:
        """Whether the token here is of one of ``kinds``."""
        return self.kind in kinds

    def next(self) -> None:
        """Look at the token after this one."""
        self.move(self.match.end())

    def part(self, name: str) -> str:
        """The text of a part of this token, empty where it has none."""
        return self.match[name] or ""

    def fault(self, expected: str, at: int | None = None) -> TextFault:
        """What is said when something else was expected at ``at`` (default: here)."""
        at = self.at if at is None else at
        line_start = self.text.rfind("\n", 0, at) + 1
        return TextFault(
            line=self.text.count("\n", 0, at) + 1,
            column=at - line_start + 1,
            found=self._found(at),
            expected=expected,
        )

    def _found(self, at: int) -> str:
        if at >= len(self.text):
            return "the end"
        words = self.text[at : at + _LONGEST_FOUND + 1].split()
        word = words[0] if words else "a blank"
        return word[:_LONGEST_FOUND] + ("…" if len(word) > _LONGEST_FOUND else "")
