"""The tree of errors is the one that is drawn."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.errors import FramelaneError, InvalidSpec, JobNotFound, StoreUnavailable
from shared.jobs import ErrorInfo


def tree(error: type[FramelaneError] = FramelaneError, depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, error.__name__
    for each in error.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from tree(each, depth + 1)


def classes() -> list[type[FramelaneError]]:
    return [getattr(errors, name) for _, name in tree()]


def test_the_outline_is_the_tree():
    outline = (errors.__doc__ or "").split("\n\n")[1].splitlines()
    drawn = [(len(re.match(r"[│├└─ ]*", line)[0]) // 3, re.search(r"\w+", line)[0]) for line in outline]  # type: ignore[index]
    assert drawn == list(tree())


def test_codes_are_unique_and_stable_in_form():
    codes = [each.code for each in classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", [each for each in classes() if each is not InvalidSpec])
def test_an_error_speaks_for_itself(error: type[FramelaneError]):
    assert error().detail == error.title()
    assert not error.title().endswith(".")
    info = ErrorInfo.of(error("what happened"))
    assert (info.code, info.detail, info.retryable) == (error.code, "what happened", error.retryable)


def test_only_what_may_pass_is_worth_another_try():
    assert StoreUnavailable.retryable
    assert not JobNotFound.retryable


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), min_size=1))
def test_a_broken_spec_names_every_rule(broken: list[tuple[str, str]]):
    error = InvalidSpec(*broken)
    assert list(error.broken) == broken
    assert all(message in error.detail for _, message in broken)


def test_what_nobody_expected_is_internal():
    info = ErrorInfo.of(KeyError("x"))
    assert (info.code, info.detail, info.retryable) == ("internal", "KeyError: 'x'", False)
