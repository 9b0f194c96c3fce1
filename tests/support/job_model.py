"""What must hold of jobs whatever happens to them, over plain values. Times are whole seconds since the start."""

from dataclasses import dataclass, field

from shared.states import TERMINAL, JobState, may_become

RETENTION_S = 300
"""Of every job of the model."""


@dataclass
class ModelJob:
    most: int
    lane: str
    expires_at: int | None
    state: JobState = JobState.PENDING
    seq: int = 1
    reports: list[int] = field(default_factory=list)
    """Numbers of its progress events."""
    fence: int = 0
    used: int = 0
    starts: int = 1
    """Starts that cost an attempt, the one that runs or may still come included."""
    asked_to_stop: bool = False
    lease_until: int = 0
    worker: str = ""
    sent_at: int | None = None
    dead: bool = False
    ended_at: int | None = None
    called_back: bool = False
    history: list[JobState] = field(default_factory=lambda: [JobState.PENDING])

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    def step(self, state: JobState, now: int) -> None:
        assert may_become(self.state, state)
        self.state = state
        self.seq += 1
        self.sent_at = None
        self.history.append(state)
        if self.terminal:
            self.ended_at = now

    def claim(self, worker: str, now: int, lease_s: int) -> bool:
        if self.state is not JobState.PENDING:
            return False
        if self.overdue(now):
            self.step(JobState.FAILED, now)
            return False
        self.step(JobState.RUNNING, now)
        self.fence += 1
        self.worker, self.lease_until = worker, now + lease_s
        return True

    def give_up(self, now: int, *, costs: bool) -> JobState:
        if self.asked_to_stop:
            self.step(JobState.CANCELLED, now)
        elif not costs:
            self.step(JobState.PENDING, now)
        elif self.used + 1 < self.most:
            self.used += 1
            self.starts += 1
            self.step(JobState.PENDING, now)
        else:
            self.dead = True
            self.step(JobState.FAILED, now)
        return self.state

    def cancel(self, now: int) -> bool:
        """Whether it could still be asked to stop."""
        if self.state is JobState.PENDING:
            self.step(JobState.CANCELLED, now)
        elif self.state is JobState.RUNNING:
            self.seq += not self.asked_to_stop
        else:
            return False
        self.asked_to_stop = True
        return True

    def overdue(self, now: int) -> bool:
        waits = self.state is JobState.PENDING and self.fence == 0
        return waits and self.expires_at is not None and now >= self.expires_at

    def holds(self, fence: int) -> bool:
        return self.state is JobState.RUNNING and self.fence == fence
