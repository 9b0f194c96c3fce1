"""Streams divided among pipelines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.measure.shares import divide

RATES = st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any)


@given(streams=st.integers(0, 500), rates=RATES)
def test_shares_are_whole_and_sum_up(streams: int, rates: list[int]) -> None:
    shares = divide(streams, rates)
    assert sum(shares) == streams
    assert min(shares) >= 0
    assert all(share == 0 for share, rate in zip(shares, rates, strict=True) if rate == 0)


@given(streams=st.integers(0, 500), rates=RATES)
def test_nobody_is_left_out_while_there_are_enough(streams: int, rates: list[int]) -> None:
    active = sum(rate > 0 for rate in rates)
    if streams >= active:
        assert all(share > 0 for share, rate in zip(divide(streams, rates), rates, strict=True) if rate > 0)


@given(streams=st.integers(0, 500), rates=RATES)
def test_without_a_least_share_all_keep_their_quota(streams: int, rates: list[int]) -> None:
    for share, rate in zip(divide(streams, rates, least=0), rates, strict=True):
        assert abs(share - streams * rate / sum(rates)) < 1


def test_where_others_go_wrong() -> None:
    assert divide(2, [30, 30, 30, 10]) == [1, 1, 0, 0]
    assert divide(1, [50, 50]) == [1, 0]
    assert divide(10, [97, 1, 1, 1]) == [7, 1, 1, 1]


@pytest.mark.parametrize(("streams", "rates"), [(1, [0, 0]), (-1, [100]), (1, [-5, 105])])
def test_what_cannot_be_divided(streams: int, rates: list[float]) -> None:
    with pytest.raises(ValueError, match="can't divide"):
        divide(streams, rates)
