"""A spec in msgpack: as in JSON, but what is base64 there comes as it is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from api.errors import MalformedDocument
from api.services.documents import pointer
from shared.arrived import Blob
from shared.errors import InvalidSpec
from shared.inputs import MAX_INPUTS
from shared.msgpacked import opened

_NOT_HERE = "binary strings are taken as `data` of an input or tensor only"


@dataclass(frozen=True, slots=True)
class PackedSpec:
    """``document``: JSON in which each binary ``data`` is a ``file``; ``files``: those, by where they stood."""

    document: bytes
    files: dict[str, Blob] = field(default_factory=dict[str, Blob])

    @classmethod
    def of(cls, body: bytes) -> "PackedSpec":
        """Raises MalformedDocument, or InvalidSpec for binary strings in other places."""
        value: Any = None
        try:
            value = opened(body, MAX_INPUTS)
            files: dict[str, Blob] = dict(_taken_out(value))
            return cls(json.dumps(value).encode(), files)
        except TypeError:
            raise InvalidSpec(*((place, _NOT_HERE) for place in _binary(value))) from None
        except (ValueError, RecursionError) as error:
            raise MalformedDocument(f"not msgpack that is taken here: {error}") from None

    def as_sent(self, error: InvalidSpec) -> InvalidSpec:
        """The error, with the places of the client's document."""
        return InvalidSpec(*((self._place(place), message) for place, message in error.broken))

    def _place(self, place: str) -> str:
        sent = place.removesuffix("/file") + "/data"
        return sent if sent in self.files else place


def _taken_out(spec: Any) -> Iterator[tuple[str, bytes]]:
    """Binary data of inputs and where it stood; the name of that place stands there instead."""
    inputs: Any = cast("dict[str, Any]", spec).get("inputs") if isinstance(spec, dict) else None
    for number, item in enumerate(cast("list[Any]", inputs) if isinstance(inputs, list) else []):
        for where, holder in ((f"/inputs/{number}", item), (f"/inputs/{number}/tensor", _tensor(item))):
            fields = cast("dict[str, Any]", holder) if isinstance(holder, dict) else {}
            if not isinstance(fields.get("data"), bytes):
                continue
            if "file" in fields:
                fields["data"] = "AAAA"  # one too many, and refused for that
            else:
                fields["file"] = place = f"{where}/data"
                yield place, fields.pop("data")


def _tensor(item: Any) -> Any:
    return cast("dict[str, Any]", item).get("tensor") if isinstance(item, dict) else None


def _binary(value: Any, place: tuple[int | str, ...] = ()) -> Iterator[str]:
    """Where binary strings are."""
    if isinstance(value, bytes):
        yield pointer(place)
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[Any]", value)):
            yield from _binary(item, (*place, number))
    elif isinstance(value, dict):
        for name, item in cast("dict[str | bytes, Any]", value).items():
            yield from _binary(item, (*place, name[:100])) if isinstance(name, str) else (pointer(place),)
