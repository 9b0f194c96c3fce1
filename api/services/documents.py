"""JSON documents as models, with every broken rule named by its place in the caller's own document."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from api.errors import MalformedDocument
from shared.errors import InvalidSpec
from shared.specs import JOB_SPEC, AnySpec, JobKind

_Model = TypeVar("_Model")
_KINDS = frozenset(get_args(JobKind))
_PLAIN: Mapping[str, str] = {
    "extra_forbidden": "not known here",
    "missing": "is required",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
_NO_KIND = frozenset({"union_tag_invalid", "union_tag_not_found"})
_ABOUT: Mapping[str, str] = {
    "budget": "/budget_s",
    "rates": "/specs",
    "tests": "/tests",
    "subject": "/pipeline",
    "model": "/model",
    "processes": "/streams_per_process",
}
"""Fields that rules of a whole spec are about, by the types of their errors."""
_OUTPUTS = frozenset({"output_mode", "metadata_mode"})
_SOURCES = frozenset({"variant", "graph", "description"})
_TESTS = frozenset({"performance", "density"})


def parse(adapter: TypeAdapter[_Model], document: bytes) -> _Model:
    """The value of ``document``. Raises MalformedDocument, or InvalidSpec naming all that is broken."""
    try:
        return adapter.validate_json(document)
    except ValidationError as error:
        found = _found(error)
        raise InvalidSpec(*((pointer(each["loc"]), plainly(each)) for each in found)) from None


def validated(adapter: TypeAdapter[_Model], value: object) -> _Model:
    """The same for a document that was read already."""
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidSpec(*((pointer(each["loc"]), plainly(each)) for each in found)) from None


def parse_spec(document: bytes) -> AnySpec:
    """The same for a job's spec, whose unions pydantic names as if they were fields."""
    try:
        return JOB_SPEC.validate_json(document)
    except ValidationError as error:
        found = _found(error)
        raise InvalidSpec(*(_of_spec(each) for each in found)) from None


def _of_spec(broken: Mapping[str, Any]) -> tuple[str, str]:
    place = spec_pointer(broken["loc"])
    if broken["type"] not in _NO_KIND:
        return place + _ABOUT.get(broken["type"], ""), _said(place, broken)
    if place.endswith("/pipeline"):
        return f"{place}/source", f"must be one of {', '.join(sorted(_SOURCES))}"
    if place.startswith("/tests/"):
        return f"{place}/kind", f"must be one of {', '.join(sorted(_TESTS))}"
    return "/kind", f"must be one of {', '.join(get_args(JobKind))}"


def _said(place: str, broken: Mapping[str, Any]) -> str:
    if broken["type"] == "extra_forbidden" and place.rpartition("/")[2] in _OUTPUTS:
        return "not known here: what is measured keeps no frames and no records; leave it out"
    return plainly(broken)


def plainly(broken: Mapping[str, Any]) -> str:
    """What is wrong, for somebody who knows neither pydantic nor how we call our models."""
    return _PLAIN.get(broken["type"]) or str(broken["msg"])


def _found(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        raise MalformedDocument(found[0]["msg"]) from None
    return found


def pointer(place: Sequence[int | str]) -> str:
    """A place as pydantic says it, as a JSON pointer (RFC 6901)."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in place if part != "[key]"]
    return "".join(f"/{part}" for part in parts)


def spec_pointer(place: Sequence[int | str]) -> str:
    """The same without the names of union members: the kind in front, the form of an input, source or pipeline."""
    parts = list(place)
    if parts and parts[0] in _KINDS:
        del parts[0]
    if len(parts) > 2 and parts[0] == "tests":  # noqa: PLR2004  a test of a suite, said like a job of its own
        return pointer(parts[:2]) + spec_pointer(parts[2:])
    if len(parts) > 2 and parts[0] == "specs":  # noqa: PLR2004  a pipeline of several, said like one alone
        return pointer(parts[:2]) + _without_forms(parts[2:])
    return _without_forms(parts)


def _without_forms(parts: list[int | str]) -> str:
    if len(parts) > 2 and parts[0] == "inputs" and isinstance(parts[1], int):  # noqa: PLR2004  what is deleted is there
        del parts[2]
    if len(parts) > 5 and parts[:2] == ["source", "files"] and parts[3] == "sources":  # noqa: PLR2004  the same
        del parts[5]
    if len(parts) > 1 and parts[0] == "pipeline" and parts[1] in _SOURCES:
        del parts[1]
    return pointer(parts)
