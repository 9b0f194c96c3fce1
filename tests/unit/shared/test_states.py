"""The life of a job, as one table says it."""

from itertools import product

import pytest

from shared.jobs import OUTCOME_STATES
from shared.states import TERMINAL, TRANSITIONS, JobState, may_become

P, R, DONE, FAILED, CANCELLED = (
    JobState.PENDING,
    JobState.RUNNING,
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.CANCELLED,
)

STEPS = {(P, R), (P, FAILED), (P, CANCELLED), (R, P), (R, DONE), (R, FAILED), (R, CANCELLED)}


@pytest.mark.parametrize(("current", "following"), list(product(JobState, JobState)))
def test_every_pair_of_states(current: JobState, following: JobState):
    assert may_become(current, following) is ((current, following) in STEPS)


def test_terminal_follows_from_the_table():
    assert {DONE, FAILED, CANCELLED} == TERMINAL
    assert {state for state in JobState if not TRANSITIONS[state]} == TERMINAL


def test_every_state_is_in_the_table_and_leads_to_an_end():
    assert set(TRANSITIONS) == set(JobState)
    reached = set(TERMINAL)
    while more := {state for state in JobState if TRANSITIONS[state] & reached} - reached:
        reached |= more
    assert reached == set(JobState)


def test_every_outcome_is_an_end_that_running_work_can_reach():
    assert set(OUTCOME_STATES.values()) == TERMINAL
    assert all(may_become(R, state) for state in OUTCOME_STATES.values())
