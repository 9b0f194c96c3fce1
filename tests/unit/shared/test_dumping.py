"""JSON of models is the same by either library."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from shared.adapters.records import new_record
from shared.dumping import dumped, dumped_as, dumped_with
from shared.jobs import Job, from_micros
from tests.support.jobs import completed, new_job

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


class Kept(BaseModel):
    entry: Any
    numbers: list[float]
    picture: bytes = b"abc"


@given(PLAIN, st.lists(st.floats() | st.sampled_from([1e-5, 1e16, 1e21, -0.0, 5e-324, math.nan])))
def test_as_pydantic_writes_it(entry: Any, numbers: list[float]):
    model = Kept(entry=entry, numbers=numbers)
    assert dumped(model) == model.model_dump_json()
    form = TypeAdapter(Kept)
    assert dumped_as(form, model) == form.dump_json(model).decode()


@given(PLAIN)
def test_a_field_that_is_json_already_stays_as_it_is_in_its_place(entry: Any):
    form, written = TypeAdapter(Kept), TypeAdapter(Any).dump_json(entry)
    whole = form.dump_json(Kept(entry=entry, numbers=[1.5])).decode()
    assert dumped_with(form, Kept(entry=None, numbers=[1.5]), entry=written) == whole


def test_what_is_too_deep_for_one_is_left_to_the_other():
    deep: Any = []
    for _ in range(254):
        deep = [deep]
    model = Kept(entry=deep, numbers=[])
    assert dumped(model) == model.model_dump_json()


def test_jobs_and_their_outcomes():
    outcome = completed(3)
    assert dumped(outcome) == outcome.model_dump_json()
    record = new_record(new_job(labels={"é": "ß"}), from_micros(1_234_567_890_123_456))
    job, form = record.model_copy(update={"outcome": outcome}), TypeAdapter(Job)
    assert dumped_as(form, job) == form.dump_json(job).decode()
