"""Puts the work on sessions together, in workers that do inference."""

from collections.abc import Mapping

import structlog
from celery import Celery

from shared.errors import BrokerUnavailable
from shared.ports import JobQueue
from shared.ports.sessions import FrameStore, TakenFrame
from shared.routing import Route
from shared.sessions import FRAME_TASK
from shared.specs import JobKind
from workers.gate import Gate
from workers.handlers import Handler, WorkerEnvironment
from workers.intake import Intake
from workers.sessions.frames import Frames
from workers.sessions.looking import Looker, spec_of
from workers.sessions.task import register

log = structlog.stdlib.get_logger()


def register_sessions(
    app: Celery,
    environment: WorkerEnvironment,
    handlers: Mapping[JobKind, Handler],
    store: FrameStore,
    queue: JobQueue,
    worker: str,
    intake: Intake,
    gate: Gate,
) -> None:
    """Make ``app`` work on frames, if this lane does inference."""
    handler = handlers.get("inference")
    if handler is None:
        return
    lane = environment.lane.name

    def wake(frame: TakenFrame) -> None:
        route = Route(FRAME_TASK, lane, spec_of(frame.spec).priority)
        try:
            queue.send(route, frame.session_id, {})
        except BrokerUnavailable as error:  # the gateway sends another when no answer comes
            log.warning("frame_not_announced", reason=error.detail)

    looker = Looker(handler, environment.entry)
    register(app, Frames(worker, store, looker, intake, gate, wake).run)
