"""All operations of the gateway, as its OpenAPI document tells them; made when first asked for, since it takes a while."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from api.main import create_app
from shared.settings import Settings

SOCKETS = frozenset({"follow_job", "follow_all", "live_session"})
"""Of the WebSockets, which OpenAPI has no words for."""


@dataclass(frozen=True)
class Operation:
    """``path`` has names in braces. ``parameters``: in path and query."""

    name: str
    method: str
    path: str
    parameters: frozenset[str]

    def at(self, **values: str) -> str:
        """The path with values in place of names; ``x`` where there is none."""
        return self.path.format_map(_Values(values))


class _Values(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return "x"


@cache
def document() -> Mapping[str, Any]:
    """The OpenAPI document."""
    return create_app(Settings()).openapi()


@cache
def operations() -> tuple[Operation, ...]:
    """In the order of the document."""
    return tuple(_operations())


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method, told in methods.items():
            if isinstance(told, dict) and "operationId" in told:
                given = {each["name"] for each in told.get("parameters", ()) if each["in"] != "header"}
                yield Operation(told["operationId"], method.upper(), path, frozenset(given))


def fields_of_requests() -> set[str]:
    """Names of all properties that a JSON body can have, at any depth."""
    schemas = document()["components"]["schemas"]
    names: set[str] = set()
    seen: set[str] = set()
    waiting: list[Any] = [
        told["requestBody"]
        for methods in document()["paths"].values()
        for told in methods.values()
        if isinstance(told, dict) and "requestBody" in told
    ]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            names |= set(each.get("properties", ()))
            schema = str(each.get("$ref", "")).rpartition("/")[2]
            if schema and schema not in seen:
                seen.add(schema)
                waiting.append(schemas[schema])
            waiting += each.values()
    return names
