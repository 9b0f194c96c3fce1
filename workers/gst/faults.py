"""In which phase an error of GStreamer's arose, and at which element. Standard library only."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_PARSE = "gst_parse_error"
_LINKING = (3, 7)
"""Codes of GstParseError: LINK, DELAYED_LINK."""
_NEGOTIATION = (7, 10)
"""Codes of GstCoreError: NEGOTIATION, CAPS."""

_LOGIN = re.compile(r"(://)[^/@\s]+@")
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


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong at which element, as it goes to the parent. ``phase``: by default found from the rest."""

    message: str
    element: str = ""
    factory: str = ""
    domain: str = ""
    code: int = 0
    debug: str = ""
    phase: str = ""

    def told(self) -> dict[str, Any]:
        """As a message."""
        return asdict(self) | {"phase": self.phase or phase_of(self.domain, self.code, self.debug)}


def in_words(told: Mapping[str, Any]) -> str:
    """One sentence for the one who sent the pipeline, of a message that a Fault became. Logins are starred."""
    doing = {"parse": "can't be read", "link": "can't be linked", "negotiate": "can't agree on a format"}
    element, factory, phase = told["element"], told["factory"], told["phase"]
    where = f"element {element!r}" if element else "the pipeline"
    if factory and not element.startswith(factory):
        where += f" ({factory})"
    reason = _LOGIN.sub(r"\1***@", _reason(told["message"], told["debug"]))
    return reason if phase == "start" else f"{where} {doing.get(phase, 'failed')}: {reason}"


def _reason(message: str, debug: str) -> str:
    """The message and, of the details, what isn't the place in GStreamer's own source."""
    detail = " ".join(line.strip() for line in debug.splitlines()[1:])
    return f"{message.strip()} ({detail})" if detail and detail not in message else message.strip()
