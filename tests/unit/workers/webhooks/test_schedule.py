"""When a message is tried again, and when no more."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings import CallbackSettings
from workers.webhooks.schedule import (
    LONGEST_PAUSE_S,
    Answer,
    NoAnswer,
    Verdict,
    judge,
    pause_s,
    read_retry_after,
)

SETTINGS = CallbackSettings(first_pause_s=5.0, patience_s=86_400.0)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
chances = st.floats(0, 1, exclude_max=True)
failures = st.one_of(
    st.integers(300, 599).filter(lambda number: number != 410).map(Answer), st.just(NoAnswer("it is away"))
)


@given(st.integers(200, 299), st.integers(0, 100), st.floats(0, 1e6))
def test_any_2xx_is_the_end(number, tried, age_s):
    assert judge(SETTINGS, tried, age_s, Answer(number)) == Verdict()


@given(st.integers(0, 100), st.floats(0, 1e6))
def test_gone_is_the_end_whatever_else_it_says(tried, age_s):
    assert judge(SETTINGS, tried, age_s, Answer(410, retry_after_s=5)) == Verdict("status 410")


@given(failures, st.integers(0, 1_000), st.floats(0, 86_399), chances)
def test_all_else_is_tried_again_within_the_patience(said, tried, age_s, chance):
    verdict = judge(SETTINGS, tried, age_s, said, lambda: chance)
    assert verdict.error
    assert verdict.again_in_s is not None
    assert 0 < verdict.again_in_s <= LONGEST_PAUSE_S
    assert age_s + verdict.again_in_s <= 86_400 + 1e-6


@given(failures, st.integers(0, 1_000), st.floats(86_400, 1e7))
def test_when_the_patience_is_over_it_is_given_up(said, tried, age_s):
    assert judge(SETTINGS, tried, age_s, said).again_in_s is None


@given(chances)
def test_pauses_triple_to_four_hours(chance):
    pauses = [pause_s(5.0, tried, chance) for tried in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[1] == pytest.approx(3 * pauses[0])
    assert 5 * 2 / 3 <= pauses[0] <= 5
    assert pauses[-1] <= LONGEST_PAUSE_S


def test_a_day_has_a_dozen_tries_and_the_last_is_at_its_end():
    age, tried = 0.0, 0
    while (again := judge(SETTINGS, tried, age, NoAnswer("x"), lambda: 0.0).again_in_s) is not None:
        age, tried = age + again, tried + 1
    assert age == pytest.approx(86_400)
    assert 10 <= tried <= 16


@given(st.floats(0, 1e9), chances)
def test_retry_after_makes_a_pause_longer_never_shorter_and_not_endless(wish_s, chance):
    plain = judge(SETTINGS, 2, 0.0, Answer(503), lambda: chance).again_in_s
    asked = judge(SETTINGS, 2, 0.0, Answer(503, wish_s), lambda: chance).again_in_s
    assert asked == max(plain, min(wish_s, LONGEST_PAUSE_S))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, float("inf")),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("Fri, 02 Jan 2026 03:05:35 -0000", 90.0),
        ("Fri, 99 Jan 2026 03:05:35 GMT", None),
    ],
)
def test_reading_retry_after(value, seconds):
    assert read_retry_after(value, NOW) == seconds
