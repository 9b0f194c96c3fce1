"""Whatever is done to jobs in whatever order, each has one story: checked against a model of plain values."""

import asyncio
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from shared.errors import IllegalTransition, JobNotFound, StaleClaim
from shared.events import JOB_EVENT, StateChanged
from shared.jobs import OUTCOME_STATES, Cancelled, Failed, Progress
from shared.ports import Claim, Envelope, JobQuery
from shared.settings import RedisSettings, Settings
from shared.states import TERMINAL, JobState
from tests.support.job_model import RETENTION_S, ModelJob
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, memory_jobs, redis_jobs

IDS = st.sampled_from(["a", "b", "c"])
LANES = ["cpu", "gpu"]
OUTCOMES = st.sampled_from([completed(), Failed(error=ERROR), Cancelled(reason="asked")])
RESEND_S = 10


class Store(RuleBasedStateMachine):
    """The clock is put forward by whole seconds; what a run takes itself is far less than one of its steps."""

    made: Callable[[], Jobs]
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.jobs = self.made()
        self.model: dict[str, ModelJob] = {}
        self.now = 0

    def teardown(self) -> None:
        for job_id, job in self.model.items():
            self.tells_its_story(job_id, job)
        self.ask(self.jobs.front.close())
        self.jobs.workshop.close()
        self.runner.close()

    def ask(self, call: Any) -> Any:
        return self.runner.run(call)

    def tells_its_story(self, job_id: str, job: ModelJob) -> None:
        """Its events are kept but for outdated progress, and say the states it went through, an end only at the end."""
        events = [JOB_EVENT.validate_json(each) for each in self.ask(self.jobs.front.events(job_id, 0))]
        assert [each.seq for each in events] == sorted(set(range(1, job.seq + 1)) - set(job.reports[:-1]))
        states = [each.state for each in events if isinstance(each, StateChanged)]
        assert states == job.history
        assert not TERMINAL & set(states[:-1])
        assert job.starts <= job.most
        record = self.ask(self.jobs.front.get(job_id))
        assert (record.state, record.seq, record.fence, record.attempt, record.cancel_requested) == (
            job.state,
            job.seq,
            job.fence,
            job.used,
            job.asked_to_stop,
        )
        assert (record.outcome is not None) == job.terminal == (record.finished_at is not None)
        assert len({each.number for each in record.attempts}) <= job.most

    @rule(seconds=st.sampled_from([5, 20, 100]))
    def time_passes(self, seconds: int) -> None:
        self.jobs.advance(seconds)
        self.now += seconds

    @rule(
        job_id=IDS,
        most=st.integers(1, 3),
        lane=st.sampled_from(LANES),
        expires_s=st.sampled_from([None, 30]),
        queued=st.booleans(),
    )
    def create(self, job_id: str, most: int, lane: str, expires_s: int | None, queued: bool) -> None:
        new = new_job(
            id=job_id,
            max_attempts=most,
            lane=lane,
            expires_s=expires_s,
            retention_s=RETENTION_S,
            callback_url="https://example.com/",
            message=Envelope("queue", b"x") if queued else None,
        )
        assert self.ask(self.jobs.front.create(new)).fresh == (job_id not in self.model)
        if job_id not in self.model:
            expires_at = None if expires_s is None else self.now + expires_s
            self.model[job_id] = ModelJob(most, lane, expires_at, sent_at=self.now if queued else None)

    @rule(target=claims, job_id=IDS, worker=st.sampled_from(["w1", "w2"]), lease_s=st.sampled_from([5, 1_000]))
    def claim(self, job_id: str, worker: str, lease_s: int) -> Any:
        claim = self.jobs.workshop.claim(job_id, worker, lease_s)
        job = self.model.get(job_id)
        assert (claim is not None) == (job is not None and job.claim(worker, self.now, lease_s))
        if claim is not None and job is not None:
            assert (claim.fence, claim.job.seq, claim.job.attempt) == (job.fence, job.seq, job.used)
        return multiple() if claim is None else claim

    @rule(target=claims, job_id=IDS, most=st.integers(1, 3), lease_s=st.sampled_from([5, 1_000]))
    def create_and_claim(self, job_id: str, most: int, lease_s: int) -> Any:
        self.create(job_id, most, "cpu", None, queued=True)
        return self.claim(job_id, "w1", lease_s)

    @rule(target=claims, claim=claims, costs=st.booleans())
    def hand_over(self, claim: Claim, costs: bool) -> Any:
        """From now on the first attempt is a zombie's."""
        self.give_up(claim, costs)
        return self.claim(claim.job_id, "w2", 1_000)

    def with_claim(self, claim: Claim, call: Callable[[], Any]) -> tuple[ModelJob, Any] | None:
        """The model and the answer, if the attempt still holds its job; else it is told that it doesn't."""
        job = self.model.get(claim.job_id)
        if job is not None and job.holds(claim.fence):
            return job, call()
        with pytest.raises(StaleClaim):
            call()
        return None

    @rule(claim=claims, lease_s=st.sampled_from([5, 1_000]))
    def renew(self, claim: Claim, lease_s: int) -> None:
        if held := self.with_claim(claim, lambda: self.jobs.workshop.renew(claim, lease_s)):
            held[0].lease_until = self.now + lease_s
            assert held[1] == held[0].asked_to_stop

    @rule(claim=claims)
    def report(self, claim: Claim) -> None:
        if held := self.with_claim(claim, lambda: self.jobs.workshop.report(claim, Progress(fraction=0.5))):
            held[0].seq += 1
            held[0].reports.append(held[0].seq)
            assert held[1] == held[0].asked_to_stop

    @rule(claim=claims, outcome=OUTCOMES)
    def settle(self, claim: Claim, outcome: Any) -> None:
        if held := self.with_claim(claim, lambda: self.jobs.workshop.settle(claim, outcome)):
            held[0].step(OUTCOME_STATES[outcome.outcome], self.now)
            assert held[1] is held[0].state

    @rule(claim=claims, costs=st.booleans())
    def give_up(self, claim: Claim, costs: bool) -> None:
        held = self.with_claim(
            claim, lambda: self.jobs.workshop.give_up(claim.job_id, claim.fence, claim.worker, ERROR, costs=costs)
        )
        if held:
            assert held[1] is held[0].give_up(self.now, costs=costs)

    @rule()
    def reap(self) -> None:
        for each in self.jobs.workshop.lapsed():
            state = self.jobs.workshop.give_up(each.job_id, each.fence, each.worker, ERROR)
            assert state is self.model[each.job_id].give_up(self.now, costs=True)

    @rule(job_id=IDS)
    def cancel(self, job_id: str) -> None:
        job = self.model.get(job_id)
        try:
            self.ask(self.jobs.front.request_cancel(job_id, "why"))
        except JobNotFound:
            assert job is None
        except IllegalTransition:
            assert job is not None
            assert not job.cancel(self.now)
        else:
            assert job is not None
            assert job.cancel(self.now)

    @rule()
    def expire(self) -> None:
        late = {job_id for job_id, job in self.model.items() if job.overdue(self.now)}
        assert set(self.jobs.workshop.expire()) == late
        for job_id in late:
            self.model[job_id].step(JobState.FAILED, self.now)

    @rule(job_id=IDS, fence=st.integers(0, 2))
    def published(self, job_id: str, fence: int) -> None:
        self.jobs.workshop.published(job_id, fence)
        job = self.model.get(job_id)
        if job and job.state is JobState.PENDING and job.fence == fence:
            job.sent_at = self.now

    @rule(empty=st.sets(st.sampled_from(LANES)))
    def note_lost(self, empty: set[str]) -> None:
        """Only what was sent some time ago is lost, and in an empty lane all of that the first time."""
        before = self.unpublished()
        noted = self.jobs.workshop.note_lost(empty, RESEND_S)
        lost = self.unpublished() - before
        assert noted == len(lost)
        for job_id in lost:
            sent_at = self.model[job_id].sent_at
            assert sent_at is not None
            assert self.now >= sent_at + RESEND_S
            self.model[job_id].sent_at = None

    @rule(job_id=IDS, error=st.sampled_from([None, "x"]), again=st.sampled_from([None, 10]))
    def call_back(self, job_id: str, error: str | None, again: int | None) -> None:
        self.jobs.workshop.callback_tried(job_id, error, again)
        job = self.model.get(job_id)
        if job and job.terminal and (error is None or again is None):
            job.called_back = True

    @rule(job_id=IDS, by=st.sampled_from(["front", "workshop"]))
    def delete(self, job_id: str, by: str) -> None:
        job = self.model.get(job_id)
        possible = job is not None and job.terminal
        if possible:
            self.tells_its_story(job_id, self.model.pop(job_id))
        if by == "workshop":
            assert self.jobs.workshop.remove(job_id) == possible
        elif possible:
            self.ask(self.jobs.front.delete(job_id))
        else:
            with pytest.raises((JobNotFound, IllegalTransition)):
                self.ask(self.jobs.front.delete(job_id))

    def unpublished(self) -> set[str]:
        return {record.id for record in self.jobs.workshop.unpublished(0)}

    def those(self, wanted: Callable[[ModelJob], bool]) -> set[str]:
        return {job_id for job_id, job in self.model.items() if wanted(job)}

    @invariant()
    def what_is_noted_of_jobs_agrees_with_their_states(self) -> None:
        workshop, front = self.jobs.workshop, self.jobs.front
        running = {job_id: job for job_id, job in self.model.items() if job.state is JobState.RUNNING}
        assert {each.job_id for each in workshop.lapsed()} == {
            job_id for job_id, job in running.items() if job.lease_until <= self.now
        }
        for worker in ("w1", "w2"):
            assert {(each.job_id, each.fence) for each in workshop.held_by(worker)} == {
                (job_id, job.fence) for job_id, job in running.items() if job.worker == worker
            }
        waits = self.those(lambda job: job.state is JobState.PENDING)
        assert self.unpublished() == {job_id for job_id in waits if self.model[job_id].sent_at is None}
        assert sum(each.depth for each in self.ask(front.backlog()).values()) == len(waits)
        assert {job.id for job in self.ask(front.dead(10)).jobs} == self.those(lambda job: job.dead)
        assert {job.id: job.state for job in self.ask(front.find(JobQuery())).jobs} == {
            job_id: job.state for job_id, job in self.model.items()
        }
        assert self.ask(front.seqs(list(self.model))) == {job_id: job.seq for job_id, job in self.model.items()}
        assert workshop.holdings(list(self.model)) == {job_id: job.fence for job_id, job in self.model.items()}
        assert set(workshop.outlived()) == self.those(
            lambda job: job.called_back and job.ended_at is not None and job.ended_at + RETENTION_S <= self.now
        )


@pytest.fixture(params=["memory", "redis"])
def made(request: pytest.FixtureRequest) -> Callable[[], Jobs]:
    if request.param == "memory":
        return memory_jobs
    settings: Settings = request.getfixturevalue("settings")
    count = 0

    def make() -> Jobs:
        nonlocal count
        count += 1
        own = RedisSettings(prefix=f"{settings.redis.prefix}-{count}")
        return redis_jobs(settings.model_copy(update={"redis": own}))

    return make


def test_every_job_has_one_story(made: Callable[[], Jobs], request: pytest.FixtureRequest):
    class Machine(Store):
        pass

    Machine.made = staticmethod(made)
    # Each step asks a server a dozen times; that it is the twin's equal is `test_twins`.
    examples = 100 if made is memory_jobs else 20
    run_state_machine_as_test(
        Machine,
        settings=hypothesis.settings(max_examples=examples, stateful_step_count=40),
    )
