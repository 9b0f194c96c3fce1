"""Whatever is asked in whatever order: the store in memory and the one on Redis answer the same."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from shared.errors import FramelaneError
from shared.events import JOB_EVENT
from shared.jobs import Cancelled, Failed, JobRecord, Progress
from shared.ports import Callback, Claim, Envelope, JobQuery, Record
from shared.results import StreamFigures
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, memory_jobs, redis_jobs

IDS = st.sampled_from(["a", "b", "c"])
OUTCOMES = st.sampled_from([completed(), Failed(error=ERROR), Cancelled(reason="asked")])
LEASES = st.sampled_from([0.0, 1_000.0])
TIMES = {"created_at", "started_at", "finished_at", "queue_wait_ms", "run_ms", "at_ms"}


def timeless(value: Any) -> Any:
    """The answer with every moment replaced by whether there is one."""
    if isinstance(value, Claim):
        value = [value.job, value.fence, value.worker, value.blobs]
    elif isinstance(value, JobRecord):
        value = value.model_dump()
    elif isinstance(value, Callback):
        value = [value.job_id, value.url, json.loads(value.event), value.tried, value.age_s >= 0]
    elif is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, dict):
        return {name: part is not None if name in TIMES else timeless(part) for name, part in value.items()}
    return [timeless(each) for each in value] if isinstance(value, list | tuple) else value


class Twins(RuleBasedStateMachine):
    made: Callable[[], tuple[Jobs, Jobs]]
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.twins = self.made()

    def teardown(self) -> None:
        for twin in self.twins:
            self.runner.run(twin.front.close())
            twin.workshop.close()
        self.runner.close()

    def both(self, call: Callable[[Jobs], Any]) -> tuple[Any, Any]:
        """Ask both; they must agree, in errors and their words too."""
        answers = [self._answer(call, twin) for twin in self.twins]
        assert timeless(answers[0]) == timeless(answers[1])
        return answers[0], answers[1]

    def _answer(self, call: Callable[[Jobs], Any], twin: Jobs) -> Any:
        try:
            answer = call(twin)
            return self.runner.run(answer) if asyncio.iscoroutine(answer) else answer
        except FramelaneError as error:
            return type(error).__name__, re.sub(r"\s+", " ", error.detail)

    @rule(
        job_id=IDS,
        fingerprint=st.sampled_from(["one", "one", "two"]),
        key=st.sampled_from([None, "k1", "k2"]),
        most=st.integers(1, 3),
        lane=st.sampled_from(["cpu", "gpu"]),
        message=st.none() | st.just(Envelope("queue", b"x")),
        later=st.fixed_dictionaries(
            {},
            optional={
                "callback_url": st.just("https://example.com/"),
                "retention_s": st.just(50),
                "expires_s": st.just(500),
                "priority": st.sampled_from([0, 9]),
            },
        ),
    )
    def create(self, job_id: str, fingerprint: str, key: str | None, most: int, lane: str, **options: Any) -> None:
        new = new_job(
            id=job_id,
            fingerprint=fingerprint,
            idempotency_key=key,
            max_attempts=most,
            lane=lane,
            message=options["message"],
            **options["later"],
        )
        self.both(lambda jobs: jobs.front.create(new))

    @rule(job_id=IDS)
    def create_one_that_expires(self, job_id: str) -> None:
        new = new_job(id=job_id, expires_s=0.000_001)
        self.both(lambda jobs: jobs.front.create(new))

    @rule(target=claims, job_id=IDS, lease_s=LEASES)
    def claim(self, job_id: str, lease_s: float) -> tuple[Claim | None, Claim | None]:
        return self.both(lambda jobs: jobs.workshop.claim(job_id, "w", lease_s))

    @rule(target=claims, job_id=IDS, most=st.integers(1, 3))
    def create_and_claim(self, job_id: str, most: int) -> tuple[Claim | None, Claim | None]:
        new = new_job(id=job_id, max_attempts=most)
        self.both(lambda jobs: jobs.front.create(new))
        return self.both(lambda jobs: jobs.workshop.claim(job_id, "w", 1_000.0))

    def with_claim(self, claims: tuple[Claim | None, Claim | None], call: Callable[[Jobs, Claim], Any]) -> None:
        if claims[0] is None or claims[1] is None:
            return
        mine = dict(zip(map(id, self.twins), claims, strict=True))
        self.both(lambda jobs: call(jobs, mine[id(jobs)]))  # type: ignore[arg-type]

    @rule(claims=claims, lease_s=LEASES)
    def renew(self, claims: Any, lease_s: float) -> None:
        self.with_claim(claims, lambda jobs, claim: jobs.workshop.renew(claim, lease_s))

    @rule(claims=claims, fraction=st.floats(0, 1), message=st.none() | st.text(max_size=5))
    def report(self, claims: Any, fraction: float, message: str | None) -> None:
        progress = Progress(fraction=fraction, stage="s", message=message)
        self.with_claim(claims, lambda jobs, claim: jobs.workshop.report(claim, progress))

    @rule(claims=claims, streams=st.lists(st.integers(0, 1), max_size=3))
    def measure(self, claims: Any, streams: list[int]) -> None:
        figures = [StreamFigures(stream=0, frames=3, fps=1.5)]
        records = [Record(stream, f'{{"n":{at}}}') for at, stream in enumerate(streams)]
        self.with_claim(claims, lambda jobs, claim: jobs.workshop.measure(claim, figures, records))

    @rule(job_id=IDS, after=st.integers(0, 5), stream=st.none() | st.just(1), limit=st.integers(1, 3))
    def read_records(self, job_id: str, after: int, stream: int | None, limit: int) -> None:
        self.both(lambda jobs: jobs.front.records(job_id, after, stream, limit))

    @rule(claims=claims, outcome=OUTCOMES)
    def settle(self, claims: Any, outcome: Any) -> None:
        self.with_claim(claims, lambda jobs, claim: jobs.workshop.settle(claim, outcome))

    @rule(claims=claims, costs=st.booleans())
    def give_up(self, claims: Any, costs: bool) -> None:
        self.with_claim(
            claims, lambda jobs, c: jobs.workshop.give_up(c.job_id, c.fence, "reaper", ERROR, costs=costs)
        )

    @rule(
        job_id=IDS,
        fingerprint=st.sampled_from(["one", "one", "two"]),
        key=st.sampled_from([None, "k1", "k2"]),
    )
    def ask_for_known(self, job_id: str, fingerprint: str, key: str | None) -> None:
        self.both(lambda jobs: jobs.front.known(job_id, fingerprint, key))

    @rule(job_id=IDS, fence=st.integers(0, 2))
    def published(self, job_id: str, fence: int) -> None:
        self.both(lambda jobs: jobs.front.published(job_id, fence))

    @rule(job_id=IDS)
    def discard(self, job_id: str) -> None:
        self.both(lambda jobs: jobs.front.discard(job_id))

    @rule(lane=st.sampled_from(["cpu", "gpu"]), limit=st.integers(1, 3))
    def look_for_movable(self, lane: str, limit: int) -> None:
        self.both(lambda jobs: sorted(record.id for record in jobs.workshop.movable(lane, 100)))
        self.both(lambda jobs: len(jobs.workshop.movable(lane, limit)))

    @rule(job_id=IDS, to=st.sampled_from(["cpu", "gpu"]), late=st.booleans())
    def move(self, job_id: str, to: str, late: bool) -> None:
        async def moved(jobs: Jobs) -> bool:
            record = await jobs.front.get(job_id)
            if late:  # it was claimed since
                record = record.model_copy(update={"fence": record.fence - 1})
            return jobs.workshop.move(record, to)

        self.both(moved)

    @rule(target=claims, job_id=IDS, lane=st.sampled_from(["cpu", "gpu"]))
    def claim_of_a_lane(self, job_id: str, lane: str) -> tuple[Claim | None, Claim | None]:
        return self.both(lambda jobs: jobs.workshop.claim(job_id, "w", 1_000.0, [lane, "other"]))

    @rule(job_id=IDS, reason=st.text(max_size=5) | st.sampled_from(["{", '"', "\\"]))
    def cancel(self, job_id: str, reason: str) -> None:
        self.both(lambda jobs: jobs.front.request_cancel(job_id, reason))

    @rule(job_id=IDS)
    def delete(self, job_id: str) -> None:
        self.both(lambda jobs: jobs.front.delete(job_id))

    @rule(job_id=IDS)
    def look_at_one(self, job_id: str) -> None:
        self.both(lambda jobs: jobs.front.get(job_id))
        self.both(lambda jobs: jobs.front.blobs(job_id))

    @rule(job_id=IDS, after=st.integers(0, 9), limit=st.integers(1, 5))
    def replay(self, job_id: str, after: int, limit: int) -> None:
        async def told(jobs: Jobs) -> list[dict[str, Any]]:
            kept = await jobs.front.events(job_id, after, limit)
            return [JOB_EVENT.validate_json(each).model_dump() for each in kept]

        self.both(told)

    @rule(state=st.none() | st.sampled_from(list(JobState)), limit=st.integers(1, 5))
    def look_for(self, state: JobState | None, limit: int) -> None:
        first, _ = self.both(lambda jobs: jobs.front.find(JobQuery(state=state, limit=limit)))
        if first.next_cursor:
            self.both(lambda jobs: jobs.front.find(JobQuery(state=state, limit=limit, cursor=first.next_cursor)))

    @rule(seconds=st.sampled_from([5, 100, 1_000]))
    def time_passes(self, seconds: float) -> None:
        for twin in self.twins:
            twin.advance(seconds)

    @rule()
    def expire(self) -> None:
        self.both(lambda jobs: jobs.workshop.expire())

    @rule(empty=st.sets(st.sampled_from(["cpu", "gpu"])), after_s=st.sampled_from([0, 50]))
    def note_lost(self, empty: set[str], after_s: float) -> None:
        self.both(lambda jobs: jobs.workshop.waiting_lanes(after_s))
        self.both(lambda jobs: jobs.workshop.note_lost(sorted(empty), after_s))

    @rule(limit=st.integers(1, 3))
    def look_for_callbacks(self, limit: int) -> None:
        self.both(lambda jobs: jobs.workshop.due_callbacks(50, limit))

    @rule(job_id=IDS, error=st.sampled_from([None, 'a "reason"', ""]), again=st.sampled_from([None, 0, 50]))
    def call_back(self, job_id: str, error: str | None, again: float | None) -> None:
        self.both(lambda jobs: jobs.workshop.callback_tried(job_id, error, again))

    @rule(limit=st.integers(1, 3))
    def look_for_the_dead(self, limit: int) -> None:
        first, _ = self.both(lambda jobs: jobs.front.dead(limit))
        if first.next_cursor:
            self.both(lambda jobs: jobs.front.dead(limit, first.next_cursor))

    @rule(job_id=IDS)
    def revive(self, job_id: str) -> None:
        self.both(lambda jobs: jobs.front.revived(job_id))

    @rule()
    def sweep(self) -> None:
        gone, _ = self.both(lambda jobs: jobs.workshop.outlived())
        for job_id in gone:
            self.both(lambda jobs, job_id=job_id: jobs.workshop.remove(job_id))  # type: ignore[misc]

    @rule(job_id=IDS)
    def remove(self, job_id: str) -> None:
        self.both(lambda jobs: jobs.workshop.remove(job_id))

    @rule(what=st.sampled_from(["sweep", "upkeep"]))
    def take_turn(self, what: str) -> None:
        self.both(lambda jobs: jobs.workshop.take_turn(what, 50))

    @invariant()
    def they_keep_the_same(self) -> None:
        self.both(lambda jobs: jobs.workshop.lapsed())
        self.both(lambda jobs: jobs.workshop.held_by("w"))
        # Those that were lost together are sent in any order.
        self.both(lambda jobs: sorted(record.id for record in jobs.workshop.unpublished(0)))
        self.both(lambda jobs: jobs.workshop.holdings(["a", "b", "c"]))
        self.both(lambda jobs: jobs.front.seqs(["c", "a", "b"]))
        depths = [
            {lane: each.depth for lane, each in self._answer(lambda jobs: jobs.front.backlog(), twin).items()}
            for twin in self.twins
        ]
        assert depths[0] == depths[1]


@pytest.fixture
def system(settings: Settings) -> Callable[[], tuple[Jobs, Jobs]]:
    count = 0

    def make() -> tuple[Jobs, Jobs]:
        nonlocal count
        count += 1
        prefix = f"{settings.redis.prefix}-{count}"
        own = settings.model_copy(update={"redis": RedisSettings(prefix=prefix)})
        return memory_jobs(), redis_jobs(own)

    return make


def test_the_twins_agree(system: Callable[[], tuple[Jobs, Jobs]]):
    class Machine(Twins):
        made = staticmethod(system)

    run_state_machine_as_test(
        Machine,
        settings=hypothesis.settings(max_examples=40, stateful_step_count=30),
    )
