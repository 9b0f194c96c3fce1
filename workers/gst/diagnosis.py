"""What GStreamer's own objects tell about an error."""

from typing import Any

from workers.gst.counting import elements_of
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
    for element in elements_of(gst, pipeline.iterate_recurse()):
        for pad in element.srcpads:
            peer = pad.get_peer()
            if peer is not None and not pad.query_caps(None).can_intersect(peer.query_caps(None)):
                behind = peer.get_parent_element() or peer.get_parent()
                return _blamed(behind, f"{element.get_name()} and {behind.get_name()} have none in common")
    for element in elements_of(gst, pipeline.iterate_elements()):
        if any(not pad.is_linked() for pad in element.sinkpads):
            return _blamed(element, "nothing that is offered to it fits")
    return {}


def _blamed(element: Any, why: str) -> dict[str, str]:
    factory = element.get_factory()
    return {
        "element": element.get_name(),
        "factory": factory.get_name() if factory is not None else "",
        "debug": f"at the link\n{why}",
    }
