"""The numbers of one hand in a document, without a model for each point. Pure.

What isn't right, or isn't that plain, is None: pydantic tells why.
"""

from itertools import chain
from operator import itemgetter
from typing import Any, cast

from pydantic_core import from_json

from shared.inputs import HAND_POINTS
from shared.packing import all_small, floats

_POINTS = frozenset({dict})
_NUMBERS = frozenset({float, int})
_AXES = frozenset({3})
_axes = itemgetter("x", "y", "z")


def landmarks_of(document: bytes) -> bytes | None:
    """Of ``{"landmarks": [...]}``, as ``hand_floats``."""
    fields = _read(document)
    return _hand(fields["landmarks"]) if fields is not None and fields.keys() == {"landmarks"} else None


def spec_of_hand(document: bytes) -> tuple[str, bytes] | None:
    """Of a spec whose one input is a hand: all it says beside that, as text, and the numbers.

    Equal texts say the same; there may be others that do.
    """
    fields = _read(document)
    inputs: Any = fields.pop("inputs", None) if fields is not None else None
    if type(inputs) is not list or len(cast("list[Any]", inputs)) != 1:
        return None
    item: Any = cast("list[Any]", inputs)[0]
    if type(item) is not dict or cast("dict[str, Any]", item).keys() != {"landmarks"}:
        return None
    numbers = _hand(item["landmarks"])
    return None if numbers is None else (repr(fields), numbers)


def _read(document: bytes) -> dict[str, Any] | None:
    try:
        fields: Any = from_json(document)
    except ValueError:
        return None
    return cast("dict[str, Any]", fields) if type(fields) is dict else None


def _hand(given: Any) -> bytes | None:
    points = cast("list[Any]", given)
    if type(given) is not list or len(points) != HAND_POINTS or not _POINTS.issuperset(map(type, points)):
        return None
    try:
        values = list(chain.from_iterable(map(_axes, points)))
    except KeyError:
        return None
    if not _AXES.issuperset(map(len, points)) or not _NUMBERS.issuperset(map(type, values)):
        return None
    raw = floats(values)
    return raw if all_small(raw) else None
