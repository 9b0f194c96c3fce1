r"""Property values as they are written in the text.

GStreamer's reader has traps that shape what is written here. It takes the longest quoted string it can find, so
``"C:\\" name="x"`` is one string to it; and a backslash keeps a following blank inside a bare value, even one that
is escaped itself. It also leaves single quotes standing, which nobody means who writes them: here they quote.
"""

import re

BLANK = r" \t\r\n\v\f"
"""What separates words; other Unicode blanks are ordinary characters, as they are to GStreamer."""

PRESET = "@preset"
"""The one key whose value GStreamer takes with its quotes."""

_PLAIN = re.compile(r"""[^\s\\"'!][^\s\\!]*\Z""")
_SPECIAL = re.compile(rf"""[\\"'!{BLANK}]""")
_VALUE = re.compile(
    rf"""(?P<quoted>"(?:[^"\\]++|\\.)*+" | '(?:[^'\\]++|\\.)*+')
    | (?P<bare>(?:[^{BLANK}\\]++|\\[^\n])++)""",
    re.VERBOSE | re.DOTALL,
)


def scan(text: str, at: int) -> tuple[str, int] | None:
    """The value that starts at ``at`` and where it ends; None where none starts or a quote isn't closed."""
    found = _VALUE.match(text, at)
    if found is None or (found["bare"] and text[at] in "\"'"):
        return None
    raw = found[0]
    return _unescaped(raw[1:-1] if found["quoted"] else raw), found.end()


def _unescaped(text: str) -> str:
    """Drop the backslashes that escape. Between double quotes they stay: a JSON value keeps its own."""
    if "\\" not in text:
        return text
    kept: list[str] = []
    quoted = False
    at = 0
    while at < len(text):
        if text[at] == "\\" and not quoted:
            at += 1
        elif text[at] == '"' and not (quoted and text[at - 1] == "\\"):
            quoted = not quoted
        kept.append(text[at : at + 1])
        at += 1
    return "".join(kept)


def is_writable(key: str, value: str) -> bool:
    """Whether ``written`` can write it: the C strings of GStreamer end at a NUL, and see the traps above."""
    if "\0" in value:
        return False
    return "\n" not in value if value.endswith("\\") else key != PRESET or bool(value and "\n" not in value)


def written(key: str, value: str) -> str:
    """The value of ``key`` as text, quoted only where it must be; followed by a blank it reads as the same."""
    if _PLAIN.match(value):
        return value
    if value.endswith("\\"):
        return _SPECIAL.sub(r"\\\g<0>", value) + "\n"
    if key == PRESET:
        return _SPECIAL.sub(r"\\\g<0>", value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
