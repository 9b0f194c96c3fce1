"""Records as Redis hashes, cursors, and events as JSON: what is written is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.adapters.records import matches, milliseconds, new_record, read_cursor, to_micros, write_cursor
from shared.adapters.redis_jobs.codec import decode, encode, from_flat, quoted
from shared.errors import InvalidSpec
from shared.events import FRAME, JOB_EVENT, CancelRequested, Progressed, Snapshot, StateChanged
from shared.jobs import Job, JobRecord, from_micros
from shared.ports import JobQuery
from tests.support.jobs import new_job
from tests.support.strategies import events, moments, records


@given(records())
def test_a_record_comes_back_from_its_hash(record: JobRecord):
    fields = {name: value.encode() for name, value in encode(record).items()}
    assert decode(fields) == record
    assert decode(fields | {"of a later version": b"?"}) == record
    assert from_flat([part for name, value in fields.items() for part in (name.encode(), value)]) == record


@given(records())
def test_a_record_of_an_older_version_is_read(record: JobRecord):
    later = {"callback", "callback_tries", "callback_error", "callback_url", "retention"}
    fields = {name: value.encode() for name, value in encode(record).items() if name not in later}
    assert decode(fields) == record.model_copy(update={"callback": None})


@given(records())
def test_the_head_of_its_events_is_the_record_s(record: JobRecord):
    text = '{"seq":1,"at_ms":2,' + encode(record)["head"] + ',"type":"cancel_requested"}'
    event = JOB_EVENT.validate_json(text)
    assert (event.job_id, event.kind, event.device, event.lane, event.labels) == (
        record.id,
        record.kind,
        record.device,
        record.lane,
        record.labels,
    )


@given(records())
def test_a_job_survives_the_wire_without_what_only_the_store_knows(record: JobRecord):
    job = Job.model_validate(record.model_dump(exclude={"spec", "fence", "fingerprint"}))
    assert Job.model_validate_json(job.model_dump_json()) == job


@given(events)
def test_an_event_survives_the_wire(event: StateChanged | Progressed | CancelRequested):
    text = event.model_dump_json()
    assert JOB_EVENT.validate_json(text) == event
    assert FRAME.validate_json(text) == event
    assert JOB_EVENT.validate_json(text[:-1] + ',"of_a_later_version":1}') == event


@given(records())
def test_a_snapshot_survives_the_wire(record: JobRecord):
    snapshot = Snapshot(seq=record.seq, job=Job.model_validate(record.model_dump()))
    assert FRAME.validate_json(snapshot.model_dump_json()) == snapshot


@given(moments)
def test_microseconds_are_exact(moment):
    assert from_micros(to_micros(moment)) == moment


@given(st.integers(0, 4_000_000_000_000_000))
def test_and_so_they_are_the_other_way(micros: int):
    assert to_micros(from_micros(micros)) == micros


@given(moments, moments)
def test_milliseconds_between(begin, end):
    assert milliseconds(begin, end) == pytest.approx((end - begin).total_seconds() * 1000)
    assert milliseconds(None, end) is None
    assert milliseconds(begin, None) is None


@given(st.integers(0, 10**16 - 1))
def test_a_cursor_comes_back(order: int):
    assert read_cursor(write_cursor(order)) == order


@given(st.text(max_size=30))
def test_a_foreign_cursor_is_refused_or_means_exactly_itself(text: str):
    try:
        order = read_cursor(text)
    except InvalidSpec:
        return
    assert read_cursor(write_cursor(order)) == order


@given(st.text())
def test_quoted_text_is_json(text: str):
    assert TypeAdapter(str).validate_json(quoted(text)) == text


@given(records())
def test_a_record_matches_its_own_description(record: JobRecord):
    query = JobQuery(kind=record.kind, state=record.state, device=record.device, labels=record.labels)
    assert matches(record, query)
    assert not matches(record, JobQuery(labels={**record.labels, "not its own": "x" * 21}))


@given(moments)
def test_a_new_record_waits(moment):
    new = new_job(lane="io", retry_of="x")
    record = new_record(new, moment)
    assert (record.id, record.lane, record.retry_of, record.created_at) == (new.id, "io", "x", moment)
    assert (record.seq, record.fence, record.attempt, record.terminal) == (1, 0, 0, False)
