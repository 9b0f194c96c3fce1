"""Documents of the first version of the wire format must be understood, and said again, for ever.

Fields may be added since, none renamed or left out.
"""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from shared.events import JOB_EVENT, CancelRequested, Measured, Progressed, StateChanged
from shared.jobs import Completed, Job
from shared.specs import JOB_SPEC, JobKind
from shared.states import JobState

GOLDEN = sorted((Path(__file__).parent / "wire" / "v1").glob("*.json"))
ADAPTERS: dict[str, TypeAdapter] = {"spec": JOB_SPEC, "event": JOB_EVENT, "job": TypeAdapter(Job)}


def parsed(path: Path) -> BaseModel:
    return ADAPTERS[path.name.partition("-")[0]].validate_json(path.read_bytes())


def without_additions(said: Any, golden: Any) -> Any:
    if isinstance(said, dict) and isinstance(golden, dict):
        return {name: without_additions(value, golden[name]) for name, value in said.items() if name in golden}
    if isinstance(said, list) and isinstance(golden, list) and len(said) == len(golden):
        return [without_additions(*pair) for pair in zip(said, golden, strict=True)]
    return said


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_document_is_read_and_written_again(path: Path):
    golden = json.loads(path.read_text("utf-8"))
    assert without_additions(json.loads(parsed(path).model_dump_json()), golden) == golden


def test_there_is_one_of_each():
    documents = [parsed(path) for path in GOLDEN]
    kinds = {
        each.kind
        for each in documents
        if not isinstance(each, StateChanged | Progressed | Measured | CancelRequested | Job)
    }  # type: ignore[attr-defined]
    assert kinds == set(get_args(JobKind))
    assert {StateChanged, Progressed, Measured, CancelRequested} <= {type(each) for each in documents}
    outcomes = {each.outcome.outcome for each in documents if isinstance(each, StateChanged) and each.outcome}
    assert outcomes == {"completed", "failed", "cancelled"}
    assert {each.state for each in documents if isinstance(each, StateChanged)} == set(JobState)
    results = {
        each.outcome.result.kind
        for each in documents
        if isinstance(each, StateChanged) and isinstance(each.outcome, Completed)
    }
    assert results == set(get_args(JobKind))
    callbacks = [each.callback for each in documents if isinstance(each, Job)]
    assert None in callbacks
    assert len(callbacks) > 1
