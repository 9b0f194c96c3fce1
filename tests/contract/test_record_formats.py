"""Whoever changes what a record holds must say that older versions can't read it."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from shared.adapters.redis_jobs.codec import FORMATS
from shared.packing import AnyTask
from shared.specs import JobKind

GOLDEN = Path(__file__).parent / "wire" / "formats"
TASKS = {task.model_fields["kind"].default: task for task in get_args(AnyTask)}


def shape(schema: Any) -> Any:
    """Of a JSON schema what a reader depends on: names of fields, and the values that some may have."""
    if isinstance(schema, list):
        return [shape(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: sorted(schema[name], key=str) for name in ("enum", "required") if name in schema}
    told |= {name: schema[name] for name in ("const", "type", "$ref") if name in schema}
    told |= {name: shape(schema[name]) for name in ("items", "anyOf", "oneOf", "prefixItems") if name in schema}
    for name in ("$defs", "properties"):
        if name in schema:
            told[name] = {each: shape(schema[name][each]) for each in sorted(schema[name])}
    return told


def test_every_kind_has_a_number():
    assert set(FORMATS) == set(get_args(JobKind)) == set(TASKS)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_number_stands_for_one_shape(kind: JobKind):
    """Else: raise the kind's number in FORMATS and keep the new shape beside the old ones."""
    kept = GOLDEN / f"{kind}-{FORMATS[kind]}.json"
    now = shape(TypeAdapter(TASKS[kind]).json_schema())
    assert now == json.loads(kept.read_text("utf-8")), f"records of kind {kind} changed: see {__name__}"
