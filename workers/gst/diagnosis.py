"""What GStreamer's own objects tell about an error."""

from typing import Any

from workers.gst.counting import OURS, elements_of
from workers.gst.faults import Fault
from workers.gst.gi_path import Gst


def fault_of(source: Any, error: Any, debug: str | None) -> Fault:
    """Of an error or warning message: its source, GError and details."""
    factory = source.get_factory() if hasattr(source, "get_factory") else None
    return Fault(
        message=error.message,
        element=source.get_name(),
        factory=factory.get_name() if factory is not None else "",
        domain=error.domain,
        code=error.code,
        debug=debug or "",
    )


def at_odds(gst: Gst, pipeline: Any) -> dict[str, str]:
    """Element and details of the link on which no format is possible; empty if there is none.

    The message itself names the source that was stopped, which seldom is to blame.
    """
    theirs = (each for each in elements_of(gst, pipeline.iterate_recurse()) if not _is_ours(each))
    for element in theirs:
        for pad in element.srcpads:
            behind = _behind(pad)
            offered = pad.get_current_caps() or pad.query_caps(None)
            if behind is not None and not offered.can_intersect(pad.get_peer().query_caps(None)):
                return _blamed(behind, f"{element.get_name()} and {behind.get_name()} have none in common")
    return {}


def _behind(pad: Any) -> Any:
    """The element to which a source pad is linked, be it out of a bin or through one of ours."""
    peer = pad.get_peer()
    while peer is not None and peer.get_parent_element() is None:
        ghost = peer.get_parent()
        peer = ghost.get_peer() if ghost is not None else None
    element = peer.get_parent_element() if peer is not None else None
    return _behind(element.get_static_pad("src")) if element is not None and _is_ours(element) else element


def _is_ours(element: Any) -> bool:
    return element.get_name().startswith(OURS)


def _blamed(element: Any, why: str) -> dict[str, str]:
    factory = element.get_factory()
    return {
        "element": element.get_name(),
        "factory": factory.get_name() if factory is not None else "",
        "debug": f"at the link\n{why}",
    }
