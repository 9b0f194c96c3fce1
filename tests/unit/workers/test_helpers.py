"""Threads that share the pieces of a large piece of work."""

import threading

import pytest

from workers.helpers import Helpers


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_answers_keep_their_order(threads: int, count: int):
    helpers = Helpers(threads)
    assert helpers.each(lambda number: number * 2, range(count)) == [number * 2 for number in range(count)]
    helpers.close()


def test_pieces_are_done_at_the_same_time():
    helpers, together = Helpers(2), threading.Barrier(2)
    assert sorted(helpers.each(lambda _: together.wait(10), range(2))) == [0, 1]
    helpers.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_failure_is_told_and_ends_the_rest(threads: int):
    begun: list[int] = []
    never = threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError(number)
        never.wait(0.001)  # so that all the rest takes longer than to hear of the failure

    helpers = Helpers(threads)
    with pytest.raises(ValueError, match="3"):
        helpers.each(call, range(2_000))
    helpers.close()
    assert len(begun) < 2_000
