"""What is made without checks is what checks would have made."""

import pytest
from pydantic import BaseModel, ValidationError

from shared.predictions import GesturePrediction, Score
from shared.quick import assembled
from tests.support.jobs import completed

SCORE = {"label": "A", "confidence": 0.5}
GESTURE = {
    "type": "gesture",
    "detected": True,
    "label": "A",
    "confidence": 0.5,
    "top": [Score(label="A", confidence=0.5)],
    "hand": None,
}


@pytest.mark.parametrize(("model", "values"), [(Score, SCORE), (GesturePrediction, GESTURE)])
def test_it_is_the_model_of_its_values(model: type[BaseModel], values: dict[str, object]):
    made, checked = assembled(model, dict(values)), model(**values)
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert made.model_fields_set == checked.model_fields_set
    assert repr(made) == repr(checked)


def test_it_is_frozen_and_can_be_copied():
    made = assembled(Score, dict(SCORE))
    with pytest.raises(ValidationError, match="frozen"):
        made.label = "B"
    assert made.model_copy(update={"label": "B"}) == Score(label="B", confidence=0.5)
    assert made.label == "A"


def test_it_can_be_part_of_what_is_checked():
    outcome = completed()
    made = outcome.result.model_copy(update={"predictions": [assembled(GesturePrediction, dict(GESTURE))]})
    assert (
        outcome.__class__(result=made).model_dump_json()
        == outcome.__class__.model_validate({"result": made.model_dump()}).model_dump_json()
    )
