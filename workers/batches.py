"""Jobs that waited together, run together: one call of their handler, one commit of their ends."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Protocol, runtime_checkable

import structlog

from shared.errors import StaleClaim, StoreUnavailable
from shared.jobs import Completed, Failed
from shared.needs import work_of
from shared.results import AnyResult
from shared.specs import JobKind
from shared.telemetry import bound
from workers import meters
from workers.context import JobContext
from workers.endings import Endings, final
from workers.following import about, traced
from workers.handlers import Handler
from workers.keeper import Keeper
from workers.service_times import ServiceTimes

Answers = dict[str, AnyResult | BaseException]
"""Results of jobs, by id, or what became of them instead."""

log = structlog.stdlib.get_logger()


@runtime_checkable
class RunsMany(Protocol):
    """A handler that does many jobs at the price of few."""

    def run_many(self, contexts: Sequence[JobContext]) -> Sequence[AnyResult | Exception]:
        """Do the jobs: of each its result, or what ``run`` would raise.

        What it raises itself is nobody's: it is called again with fewer.
        """
        ...


class Batches:
    """Runs what was claimed together. ``alone``: runs one attempt to its end, as if it had come by itself."""

    def __init__(
        self,
        handlers: Mapping[JobKind, Handler],
        keeper: Keeper,
        endings: Endings,
        times: ServiceTimes,
        alone: Callable[[JobContext], None],
    ) -> None:
        self._many = {kind: each for kind, each in handlers.items() if isinstance(each, RunsMany)}
        self._keeper = keeper
        self._endings = endings
        self._times = times
        self._alone = alone

    def run(self, place: str, contexts: Sequence[JobContext]) -> None:
        """Run all of them to their ends."""
        started = time.monotonic()
        ended = Counter[str]()
        with self._keeper.watching(*contexts):
            for kind, some in groupby(contexts, lambda context: context.job.kind):
                if many := self._many.get(kind):
                    ended += self._together(many, list(some))
                else:
                    self._in_turn(list(some))
        run_ms = (time.monotonic() - started) * 1000
        log.info("batch_ended", place=place, jobs=len(contexts), run_ms=round(run_ms, 1), **ended)

    def _in_turn(self, contexts: Sequence[JobContext]) -> None:
        for context in contexts:
            context.work_ended = True  # it hasn't begun: told to stop, it isn't stuck
        for context in contexts:
            context.work_ended = False
            self._alone(context)

    def _together(self, many: RunsMany, contexts: Sequence[JobContext]) -> Counter[str]:
        """How many ended in which way."""
        started = time.monotonic()
        answers: Answers = {}
        with ExitStack() as spans:
            for context in contexts:
                spans.enter_context(traced(context))
            ask(many, contexts, answers)
        ends: list[tuple[JobContext, Completed | Failed]] = []
        repeated: list[tuple[JobContext, BaseException]] = []
        for context in contexts:
            answer = _confirmed(context, answers[context.job.id])
            context.work_ended = True
            if not isinstance(answer, BaseException):
                ends.append((context, Completed(result=answer)))
            elif outcome := _final(context, answer):
                ends.append((context, outcome))
            else:
                repeated.append((context, answer))
        ran_s = (time.monotonic() - started) / len(contexts)
        if len(repeated) < len(contexts):
            self._times.add(work_of(contexts[0].task), ran_s * 1000)
        states = [(context, state) for (context, _), state in zip(ends, self._commit(ends), strict=True)]
        states += [(context, self._badly(context, error)) for context, error in repeated]
        for context, state in states:
            meters.attempt_ended(context.job, state, ran_s)
        return Counter(state for _, state in states)

    def _commit(self, ends: Sequence[tuple[JobContext, Completed | Failed]]) -> list[str]:
        try:
            states = self._endings.commit_all(ends) if ends else []
        except StoreUnavailable as error:
            # The leases lapse and somebody takes the jobs. Artifacts stay: the commit may have gone through.
            log.warning("batch_not_committed", jobs=[context.job.id for context, _ in ends], reason=error.detail)
            return [_NOT_COMMITTED] * len(ends)
        for (context, _), state in zip(ends, states, strict=True):
            if isinstance(state, StaleClaim):
                log.warning("attempt_superseded", **about(context), reason=state.detail)
            else:
                log.debug("attempt_ended", job_id=context.job.id, state=state)
        return [_SUPERSEDED if isinstance(state, StaleClaim) else state for state in states]

    def _badly(self, context: JobContext, error: BaseException) -> str:
        with bound(**about(context)):
            try:
                return self._endings.badly(context, error)
            except StaleClaim as stale:
                log.warning("attempt_superseded", reason=stale.detail)
                return _SUPERSEDED
            except StoreUnavailable as silence:
                log.warning("attempt_not_committed", reason=silence.detail)
                return _NOT_COMMITTED


_SUPERSEDED, _NOT_COMMITTED = "superseded", "not_committed"


def ask(many: RunsMany, contexts: Sequence[JobContext], answers: Answers) -> None:
    """Adds the answer of each. One that breaks the call for all is found by halves, and breaks it alone."""
    going: list[JobContext] = []
    for context in contexts:
        if why := context.stopped:
            answers[context.job.id] = why
        else:
            going.append(context)
    if not going:
        return
    try:
        got = many.run_many(going)
        answers.update(zip((context.job.id for context in going), got, strict=True))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends attempts, not the worker
        if len(going) == 1:
            answers[going[0].job.id] = error
            return
        half = len(going) // 2
        ask(many, going[:half], answers)
        ask(many, going[half:], answers)


def _confirmed(context: JobContext, answer: AnyResult | BaseException) -> AnyResult | BaseException:
    """The answer, unless the attempt was stopped meanwhile, or what it saved can't be read."""
    if isinstance(answer, BaseException):
        return answer
    try:
        context.check()
        context.confirm_artifacts()
    except Exception as error:  # noqa: BLE001 - it ends the attempt, not the worker
        return error
    context.tell(now=True)
    context.close()
    return answer


def _final(context: JobContext, error: BaseException) -> Failed | None:
    with bound(**about(context)):
        outcome = final(error)
    if outcome is not None:
        context.drop_artifacts()
        context.close()
    return outcome
