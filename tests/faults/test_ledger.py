"""The judge itself: what it must notice."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.ledger import Ledger, Pen

ROW = "F0"


@pytest.fixture
def pen(tmp_path: Path):
    made = Pen(tmp_path / "ledger.jsonl")
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path, pen: Pen) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def ended(pen: Pen, job: str = "a", **fields: Any) -> None:
    usual = {"state": "COMPLETED", "code": None, "fence": 1, "digest": "d"}
    pen.note("ended", row=ROW, job=job, **(usual | fields))


def attempt(pen: Pen, job: str = "a", fence: int = 1, *, to_the_end: bool = True) -> None:
    pen.note("start", row=ROW, job=job, fence=fence)
    if to_the_end:
        pen.note("end", row=ROW, job=job, fence=fence)


def accepted(pen: Pen, job: str = "a") -> None:
    pen.note("accepted", row=ROW, job=job, key=job)


def test_a_job_done_once_is_nothing_to_complain_about(pen, ledger):
    accepted(pen)
    attempt(pen)
    ended(pen)
    tally = ledger.tally(ROW)
    assert (tally.lost, tally.doubled, tally.unproven, tally.extra) == (set(), set(), set(), 0)
    assert tally.in_state("COMPLETED") == {"a"}


def test_an_accepted_job_that_never_ended_is_lost(pen, ledger):
    accepted(pen)
    accepted(pen, "b")
    attempt(pen)
    ended(pen, "b")
    assert ledger.tally(ROW).lost == {"a"}


def test_an_end_that_changed_is_a_double_commit(pen, ledger):
    ended(pen, digest="d")
    ended(pen, digest="other")
    ended(pen, "b")
    ended(pen, "b")
    assert ledger.tally(ROW).doubled == {"a"}


def test_a_commit_by_an_attempt_that_did_not_reach_its_end_is_unproven(pen, ledger):
    attempt(pen, fence=1, to_the_end=False)
    attempt(pen, fence=2)
    ended(pen, fence=1)
    attempt(pen, "b", fence=2)
    ended(pen, "b", fence=2)
    ended(pen, "c", state="CANCELLED", fence=None)
    assert ledger.tally(ROW).unproven == {"a"}


def test_every_start_but_the_first_is_extra(pen, ledger):
    attempt(pen, fence=1, to_the_end=False)
    attempt(pen, fence=2)
    attempt(pen, "b")
    tally = ledger.tally(ROW)
    assert (tally.executions, tally.extra) == (3, 1)


def test_failures_are_told_apart_by_their_code(pen, ledger):
    ended(pen, state="FAILED", code="poison")
    ended(pen, "b", state="FAILED", code="timeout")
    tally = ledger.tally(ROW)
    assert tally.in_state("FAILED") == {"a", "b"}
    assert tally.in_state("FAILED", "poison") == {"a"}


def test_rows_are_apart_and_half_a_line_waits_for_its_other_half(pen, ledger, tmp_path):
    accepted(pen)
    pen.note("accepted", row="F9", job="x", key="x")
    assert ledger.tally(ROW).accepted == {"a"}
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"what": "accepted", "row": "F0", ')
        file.flush()
        assert ledger.tally(ROW).accepted == {"a"}
        file.write('"job": "b"}\n')
    assert ledger.tally(ROW).accepted == {"a", "b"}
