"""Laws of scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import TooFewRuns
from shared.measure.score import Part, difference, score

ratios = st.floats(0.01, 100)


@st.composite
def parts(draw: st.DrawFn, repeated: bool = True) -> Part:
    weight, ratio = draw(st.floats(0.1, 10)), draw(ratios)
    if draw(st.booleans()):
        return Part(
            weight, ratio, ratio, ratio, draw(st.floats(0, 0.3)), draw(st.integers(2 if repeated else 1, 9))
        )
    return Part(weight, ratio, ratio, ratio * draw(st.floats(1, 2)))


several = st.lists(parts(), min_size=1, max_size=6)


@given(several)
def test_the_score_lies_between_its_ends_and_between_its_tests(found: list[Part]) -> None:
    told = score(found)
    assert told.low is not None
    assert told.high is not None
    assert told.low <= told.points * (1 + 1e-9)
    assert told.points <= told.high * (1 + 1e-9)
    least, most = (100 * end(part.ratio for part in found) for end in (min, max))
    assert least * (1 - 1e-9) <= told.points <= most * (1 + 1e-9)


@given(several, st.floats(0.1, 10))
def test_weights_count_against_each_other_alone(found: list[Part], factor: float) -> None:
    scaled = [Part(p.weight * factor, p.ratio, p.least, p.most, p.spread, p.runs) for p in found]
    assert score(scaled).points == pytest.approx(score(found).points)


@given(several, st.floats(0.1, 10))
def test_a_machine_faster_in_everything_is_faster_by_as_much(found: list[Part], factor: float) -> None:
    faster = [Part(p.weight, p.ratio * factor, p.least * factor, p.most * factor, p.spread, p.runs) for p in found]
    assert score(faster).points == pytest.approx(factor * score(found).points)


def test_twice_and_half_cancel_and_weights_tell() -> None:
    twice, half = Part(1, 2, 2, 2, 0.01, 3), Part(1, 0.5, 0.5, 0.5)
    assert score([twice, half]).points == pytest.approx(100)
    assert score([twice, twice, half]).points == pytest.approx(100 * 2 ** (1 / 3))


def test_what_one_run_cannot_tell_nothing_and_endless() -> None:
    once = score([Part(1, 2, 2, 2, 0.0, 1), Part(1, 1, 1, 1)])
    assert (once.points, once.low, once.high) == (pytest.approx(100 * math.sqrt(2)), None, None)
    nothing = score([Part(1, 0, 0, 0.25), Part(1, 1, 1, 1)])
    assert (nothing.points, nothing.low, nothing.high) == (0, 0, pytest.approx(50))
    assert score([Part(1, 1, 1, math.inf)]).high == math.inf
    with pytest.raises(TooFewRuns):
        score([])


@given(ratios, ratios, st.floats(1.001, 2), st.floats(1.001, 2))
def test_differences_turn_round(a: float, b: float, below: float, above: float) -> None:
    one, other = (a, a / below, a * above), (b, b / above, b * below)
    there, back = difference(one, other), difference(other, one)
    assert there[1] <= there[0] <= there[2]
    assert [1 + each for each in there] == pytest.approx([1 / (1 + back[at]) for at in (0, 2, 1)])
