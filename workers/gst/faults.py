"""In which phase an error of GStreamer's arose, and at which element. Standard library only."""

import re

_PARSE = "gst_parse_error"
_LINKING = (3, 7)
"""Codes of GstParseError: LINK, DELAYED_LINK."""
_NEGOTIATION = (7, 10)
"""Codes of GstCoreError: NEGOTIATION, CAPS."""

_NAMED = re.compile(
    r"""in element "([^"]+)"|no element "([^"]+)"|could not link (\S+) to|element ["']([^"']+)["']"""
)


def phase_of(domain: str, code: int, debug: str = "") -> str:
    """``parse`` (the text), ``link``, ``negotiate`` (a common format) or ``run``.

    ``domain``, ``code``: of the GError; ``debug``: its details, in which a source says why it stopped.
    """
    domain = domain.removesuffix("-quark").replace("-", "_")
    if domain == _PARSE:
        return "link" if code in _LINKING else "parse"
    if "reason not-negotiated" in debug or (domain == "gst_core_error" and code in _NEGOTIATION):
        return "negotiate"
    if "reason not-linked" in debug:
        return "link"
    return "run"


def element_in(message: str) -> str:
    """The element that an error about the text speaks of; empty if none."""
    found = _NAMED.search(message)
    return next((name for name in found.groups() if name), "") if found else ""


def in_words(element: str, phase: str, message: str, debug: str = "") -> str:
    """One sentence for the one who sent the pipeline."""
    doing = {"parse": "can't be read", "link": "can't be linked", "negotiate": "can't agree on a format"}.get(
        phase
    )
    where = f"element {element!r}" if element else "the pipeline"
    reason = _reason(message, debug)
    return f"{where} {doing}: {reason}" if doing else f"{where} failed: {reason}"


def _reason(message: str, debug: str) -> str:
    """The message and, of the details, what isn't the place in GStreamer's own source."""
    detail = " ".join(line.strip() for line in debug.splitlines()[1:])
    return f"{message.strip()} ({detail})" if detail and detail not in message else message.strip()
