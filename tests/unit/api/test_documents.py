"""Every pointer leads into the document that the caller sent."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import MalformedDocument
from api.services.documents import parse_spec, pointer
from api.services.prepare import fingerprint
from shared.errors import InvalidSpec
from shared.packing import pack
from shared.specs import InferenceSpec
from tests.support.gateway import HAND, SPEC

FULL = SPEC | {
    "inputs": [
        {"landmarks": HAND},
        {"sequence": [{"left_hand": HAND}, {}]},
        {"data": "AAAA"},
        {"file": "x"},
        {"tensor": {"dtype": "float32", "shape": [1, 63], "data": "AAAA"}},
    ],
    "labels": {"a/b": "c", "~": "d"},
    "options": {"top_k": 2},
    "device": "CPU",
    "priority": 3,
}


RUN = {
    "kind": "pipeline",
    "pipeline": {
        "source": "graph",
        "pipeline_graph": {
            "nodes": [{"id": "0", "type": "a", "data": {"x/y": "1"}}, {"id": "1", "type": "b"}],
            "edges": [{"id": "0", "source": "0", "target": "1", "source_pad": "src"}],
        },
        "graph_id": "mine",
    },
    "inputs": ["bikes"],
    "streams": 2,
}


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value of a document is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def found(document: Any, where: str) -> Any:
    """What a JSON pointer points at."""
    for part in where.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def broken_by(document: Any) -> list[str]:
    try:
        parse_spec(json.dumps(document).encode())
    except InvalidSpec as error:
        return [where for where, _ in error.broken]
    return []


PLACES = [
    (document, place) for document in (FULL, RUN) for place in places(document) if place and place != ("kind",)
]


@given(st.sampled_from(PLACES), st.sampled_from([None, {"strange": 1}, [[]], "\u2603", -7.5, 10**30, True]))
def test_changed_value_is_pointed_at_or_its_parts(at: tuple[Any, tuple[str | int, ...]], value: Any) -> None:
    document, place = copy.deepcopy(at[0]), at[1]
    holder = found(document, pointer(place[:-1]))
    holder[place[-1]] = value
    for where in broken_by(document):
        assert where.startswith(pointer(place[:1]))
        parent, _, _ = where.rpartition("/")
        found(document, parent)  # what is missing has a parent that is there


@given(st.sampled_from(PLACES))
def test_added_field_is_pointed_at(at: tuple[Any, tuple[str | int, ...]]) -> None:
    document, place = copy.deepcopy(at[0]), at[1]
    holder = found(document, pointer(place))
    if not isinstance(holder, dict) or place[0] == "labels" or place[-1] == "data":
        return
    holder["zz/~z"] = 1
    assert pointer((*place, "zz/~z")) in broken_by(document)
    assert found(document, pointer((*place, "zz/~z"))) == 1


@pytest.mark.parametrize("document", [FULL, RUN], ids=["inference", "pipeline"])
def test_whole_document_is_right(document: Any) -> None:
    assert broken_by(document) == []


@given(st.text(max_size=40))
def test_text_is_malformed_or_invalid(text: str) -> None:
    with pytest.raises((MalformedDocument, InvalidSpec)):
        parse_spec(text.encode("utf-8", "surrogatepass"))


def prepared(document: Any) -> str:
    spec = parse_spec(json.dumps(document).encode())
    assert isinstance(spec, InferenceSpec)
    return fingerprint(*pack(spec, {"x": b"photo"}, lambda _: None))


SMALL = SPEC | {"labels": {"a": "1", "b": "2"}}


def test_fingerprint_sees_through_spelling() -> None:
    assert prepared(SMALL) == prepared(SMALL | {"labels": {"b": "2", "a": "1"}, "priority": 5, "options": {}})
    assert prepared(SPEC | {"inputs": [{"file": "x"}]}) == prepared(SPEC | {"inputs": [{"data": "cGhvdG8="}]})


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 6},
        {"labels": {"a": "2", "b": "1"}},
        {"model": "vgt"},
        {"options": {"top_k": 4}},
        {"inputs": [{"landmarks": HAND[::-1]}]},
        {"inputs": [{"landmarks": HAND}] * 2},
        {"inputs": [{"file": "x"}]},
    ],
)
def test_fingerprint_tells_requests_apart(change: dict[str, Any]) -> None:
    assert prepared(SMALL) != prepared(SMALL | change)
