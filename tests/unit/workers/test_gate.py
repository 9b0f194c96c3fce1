import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import WorkerLeaves
from workers.gate import Gate

LIMIT_S = 20.0


def nothing() -> None:
    """Nobody leaves."""


class Visitor(threading.Thread):
    """Goes in, tells so, and stays until it is let out."""

    def __init__(self, gate: Gate, inside: SimpleQueue[str], name: str, *, alone: bool, check=nothing) -> None:
        super().__init__(name=name, daemon=True)
        self.out = threading.Event()
        self.refused: Exception | None = None
        self._gate, self._inside, self._alone, self._check = gate, inside, alone, check

    def run(self) -> None:
        try:
            with self._gate.entered(alone=self._alone, check=self._check):
                self._inside.put(self.name)
                self.out.wait(LIMIT_S)
        except WorkerLeaves as error:
            self.refused = error


class Door:
    """A gate and who went through it."""

    def __init__(self, patience_s: float = 60.0) -> None:
        self.gate = Gate(patience_s)
        self.inside: SimpleQueue[str] = SimpleQueue()
        self.visitors: list[Visitor] = []

    def comes(self, name: str, *, alone: bool = False, check=nothing) -> Visitor:
        """Returns when it is inside or stands in the line."""
        visitor = Visitor(self.gate, self.inside, name, alone=alone, check=check)
        before = self.gate._arrived
        self.visitors.append(visitor)
        visitor.start()
        with self.gate._changed:
            assert self.gate._changed.wait_for(lambda: self.gate._arrived > before, LIMIT_S)
        return visitor

    def next(self) -> str:
        return self.inside.get(timeout=LIMIT_S)


@contextmanager
def door(patience_s: float = 60.0) -> Iterator[Door]:
    made = Door(patience_s)
    yield made
    for visitor in made.visitors:
        visitor.out.set()
    for visitor in made.visitors:
        visitor.join(LIMIT_S)
        assert not visitor.is_alive()


def test_ordinary_attempts_run_side_by_side():
    with door() as here:
        here.comes("one")
        here.comes("two")
        assert {here.next(), here.next()} == {"one", "two"}


def test_a_suspect_waits_for_all_and_all_who_come_later_wait_for_it():
    with door() as here:
        one = here.comes("one")
        assert here.next() == "one"
        suspect = here.comes("suspect", alone=True)
        here.comes("later")
        assert here.inside.empty()
        one.out.set()
        assert here.next() == "suspect"
        assert here.inside.empty()
        suspect.out.set()
        assert here.next() == "later"


def test_suspects_go_one_by_one_in_the_order_they_came():
    with door() as here:
        suspects = [here.comes(f"suspect {number}", alone=True) for number in range(3)]
        for number, suspect in enumerate(suspects):
            assert here.next() == f"suspect {number}"
            assert here.inside.empty()
            suspect.out.set()


def test_ordinary_attempts_do_not_wait_for_ever():
    with door(patience_s=0.05) as here:
        here.comes("suspect", alone=True)
        assert here.next() == "suspect"
        here.comes("good")
        assert here.next() == "good"


def test_a_wait_ends_when_the_worker_leaves_and_the_line_moves_on():
    leaving = threading.Event()

    def check() -> None:
        if leaving.is_set():
            raise WorkerLeaves

    with door() as here:
        one = here.comes("one")
        assert here.next() == "one"
        suspect = here.comes("suspect", alone=True, check=check)
        here.comes("two")
        leaving.set()
        suspect.join(LIMIT_S)
        assert isinstance(suspect.refused, WorkerLeaves)
        assert here.next() == "two", "nobody waits for a suspect that went away"
        one.out.set()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_whatever_comes_a_suspect_is_alone_and_everyone_gets_in(arrivals: list[bool]):
    gate, lock = Gate(60.0), threading.Lock()
    inside: set[int] = set()
    seen: list[tuple[int, int]] = []

    def visit(number: int, *, alone: bool) -> None:
        with gate.entered(alone=alone, check=nothing):
            with lock:
                inside.add(number)
                seen.extend((one, len(inside)) for one in inside)
            with lock:
                inside.remove(number)

    threads = [
        threading.Thread(target=visit, args=(number,), kwargs={"alone": alone}, daemon=True)
        for number, alone in enumerate(arrivals)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert {number for number, _count in seen} == set(range(len(arrivals)))
    assert all(count == 1 for number, count in seen if arrivals[number])


@pytest.mark.parametrize("alone", [False, True])
def test_whoever_fails_inside_leaves_the_gate_open(alone: bool):
    gate = Gate()
    with pytest.raises(ZeroDivisionError), gate.entered(alone=alone, check=nothing):
        raise ZeroDivisionError
    with gate.entered(alone=True, check=nothing):
        assert gate._inside == 1
