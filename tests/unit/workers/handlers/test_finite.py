import numpy as np
import pytest

from shared.errors import ModelUnusable
from shared.packing import InferenceTask
from shared.specs import InferenceOptions
from tests.support import shipped
from tests.support.workshop import Workshop
from workers.handlers.inference_inputs import Inputs, Numbered
from workers.handlers.inference_keypoints import _require_finite
from workers.runtimes.contract import FoundHand


@pytest.fixture
async def inputs(tmp_path):
    shop = Workshop(tmp_path)
    await shop.submit()
    packed = {"kind": "image", "blob": 0, "rows": 1}
    task = InferenceTask.model_validate(
        {"model": "hand_landmarker", "inputs": [packed], "options": InferenceOptions()}
    )
    return Inputs(shop.context(shop.claim()), task, shipped.models().by_name["hand_landmarker"])


@pytest.mark.parametrize("where", ["points", "score", "person", "nowhere"])
async def test_landmarks_that_are_not_finite_name_their_photo(inputs, where):
    spoilt = {name: np.nan if name == where else 0.5 for name in ("points", "score", "person")}
    hand = FoundHand(np.full((21, 3), spoilt["points"], np.float32), "Left", spoilt["score"])
    person = np.full((33, 4), spoilt["person"], np.float32)
    item = Numbered(7, next(iter(inputs)).packed)
    _require_finite(inputs, item, [])
    if where == "nowhere":
        _require_finite(inputs, item, [hand], person)
    else:
        with pytest.raises(ModelUnusable, match="input 7: hand_landmarker gave"):
            _require_finite(inputs, item, [hand], person)
