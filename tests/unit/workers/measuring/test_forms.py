"""Forms of a pipeline, as graphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.devices import AUTO
from shared.graph.emitter import emit
from shared.graph.parser import parse
from shared.measurements import SearchSpace
from tests.support.pipelines import task
from workers.measuring.forms import (
    ORIGINAL,
    Form,
    Surroundings,
    applied,
    combined,
    expected,
    fewer_converters,
    options,
    recorded,
    singles,
)

DETECT = "filesrc location=film ! decodebin3 ! gvadetect model=people batch-size=2 ! gvatrack ! fakesink"
HERE = Surroundings("CPU", ["GPU"], {"people": ["FP16", "INT8"]})


def test_only_what_differs_is_searched() -> None:
    space = SearchSpace(device=["CPU", "GPU", "NPU"], precision=["FP32", "INT8"], isolation=["stream"])
    assert options(space, task(DETECT), HERE) == {
        "batch-size": ["1", "4"],
        "inference-interval": ["2", "3"],
        "nireq": ["1", "2", "4"],
        "queues": ["yes"],
        "precision": ["INT8"],
        "device": ["GPU"],
    }


def test_without_a_model_there_is_only_how_it_is_run() -> None:
    space = SearchSpace(isolation=["pipeline", "stream"])
    assert options(space, task("videotestsrc ! fakesink"), HERE) == {}
    assert options(space, task("videotestsrc ! fakesink", streams=2), HERE) == {"isolation": ["stream"]}


def test_a_classifier_alone_skips_no_frames() -> None:
    text = "videotestsrc ! gvaclassify model=people ! fakesink"
    assert "inference-interval" not in options(SearchSpace(), task(text), HERE)


def test_a_form_has_its_changes_and_nothing_else() -> None:
    changes = {"batch-size": "4", "device": "GPU", "precision": "INT8", "inference-interval": "3", "queues": "yes"}
    made = applied(task(DETECT, device="CPU"), Form.of(changes))
    assert emit(made.graph) == (
        "filesrc location=film ! decodebin3 ! queue ! "
        "gvadetect model=people@INT8 batch-size=4 device=GPU inference-interval=3 ! queue ! gvatrack ! fakesink"
    )
    assert made.device == AUTO
    assert applied(task(DETECT), ORIGINAL) == task(DETECT)
    assert applied(task(DETECT, streams=2), Form.of({"isolation": "stream"})).isolation == "stream"


@pytest.mark.parametrize(
    ("text", "fewer"),
    [
        ("a ! videoconvert ! gvadetect model=m ! fakesink", "a ! gvadetect model=m ! fakesink"),
        ("a ! videoscale ! queue ! gvadetect ! fakesink", "a ! queue ! gvadetect ! fakesink"),
        ("a ! videoconvert ! video/x-raw,format=NV12 ! gvadetect ! fakesink", None),
        ("a ! video/x-raw,format=NV12 ! videoconvert ! gvadetect ! fakesink", None),
        ("a ! videoscale method=lanczos ! gvadetect ! fakesink", None),
        ("a ! gvadetect ! videoconvert ! fakesink", None),
    ],
)
def test_converters_go_where_the_model_converts(text: str, fewer: str | None) -> None:
    assert emit(fewer_converters(parse(text))) == (fewer or text)


def test_records_are_made_behind_the_last_that_looks() -> None:
    text = (
        "a ! gvadetect ! gvatrack ! gvametaconvert ! gvametapublish file-path=x ! tee name=t t. ! fakesink t. ! b"
    )
    assert emit(recorded(parse(text))) == (
        "a ! gvadetect ! gvatrack ! gvametaconvert add-empty-results=true ! gvametapublish method=file ! tee name=t "
        "! fakesink t. ! b"
    )
    assert emit(recorded(parse("a ! fakesink"))) == "a ! fakesink"


def test_first_values_of_all_properties_come_before_second_ones() -> None:
    forms = singles({"nireq": ["1", "2"], "queues": ["yes"]})
    assert [str(form) for form in forms] == ["nireq 1", "queues yes", "nireq 2"]


RATIOS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("123")).map(lambda change: Form((change,))),
    st.floats(0.5, 2),
)


@given(RATIOS)
def test_what_helped_is_combined_the_most_promising_first(ratios: dict[Form, float]) -> None:
    forms = combined(ratios)
    assert len(set(forms)) == len(forms) <= 3**4
    for form in forms:
        assert len(dict(form.changes)) == len(form.changes) > 1
        assert all(ratios[Form((change,))] > 1 for change in form.changes)
    promised = [expected(form, ratios) for form in forms]
    assert promised == sorted(promised, reverse=True)
