"""One frame of a session, from the message that names the session to the answer."""

import time
from collections.abc import Callable
from itertools import count

import structlog

from shared.errors import FramelaneError, StoreUnavailable
from shared.jobs import ErrorInfo
from shared.ports.sessions import Finished, FrameStore, TakenFrame
from shared.sessions import FrameSaid, FrameTimings
from shared.telemetry import bound
from workers import meters
from workers.gate import Gate
from workers.intake import Intake
from workers.sessions.looking import Looker, Seen, spec_of

_PATIENCE_S = 2.0
"""For a store that doesn't take an answer; later the frame is told as lost anyway."""

_PAUSE_S = 0.1

log = structlog.stdlib.get_logger()

Wake = Callable[[TakenFrame], None]
"""Sends the message for a session's next frame, where the store doesn't do that."""


class Frames:
    """One per process; its methods are called from several threads at once."""

    def __init__(
        self, worker: str, store: FrameStore, looker: Looker, intake: Intake, gate: Gate, wake: Wake
    ) -> None:
        self._worker = worker
        self._store = store
        self._looker = looker
        self._intake = intake
        self._gate = gate
        self._wake = wake
        self._numbers = count()

    def run(self, session_id: str) -> None:
        """Work on the session's next frame, if there is one.

        Raises only before anything was begun: StoreUnavailable, and DeviceLeased or DeviceUnavailable while the
        intake is closed.
        """
        # A name of its own: another message of the session may be looked at meanwhile.
        inside = f"{session_id}#{next(self._numbers)}"
        with self._intake.entered(inside), self._gate.entered(alone=False, check=_go_on):
            frame = self._store.take(session_id, self._worker)
            if frame is not None:
                with bound(session_id=session_id, frame=str(frame.number)):
                    self._work(frame)

    def _work(self, frame: TakenFrame) -> None:
        begun = time.perf_counter()
        row, kind = b"", "result"
        try:
            seen = self._looker.look(frame)
            row, members = seen.row, members_of(frame, seen, time.perf_counter() - begun)
        except Exception as error:  # noqa: BLE001 - this ends the frame, not the worker
            kind, members = "failed", _failure(error)
        took_s = time.perf_counter() - begun
        finished = self._finish(frame, kind, members, row)
        end = "superseded" if finished is not None and finished.stale else kind
        meters.frame_ended(end, frame.started - frame.received, took_s)
        if finished is None:
            return
        if finished.stale:
            log.warning("frame_superseded")
        if finished.wake:
            self._wake(frame)

    def _finish(self, frame: TakenFrame, kind: str, members: str, row: bytes) -> Finished | None:
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._store.finish(frame, kind, members, row)
            except StoreUnavailable as error:
                if time.monotonic() >= give_up_at:
                    log.warning("answer_not_told", reason=error.detail)
                    return None
            time.sleep(_PAUSE_S)


def members_of(frame: TakenFrame, seen: Seen, took_s: float) -> str:
    """The members of a FrameResult that its session doesn't know."""
    result = seen.result
    timings = FrameTimings(
        received=frame.received,
        queued=frame.queued,
        started=frame.started,
        done=round(frame.started + took_s, 6),
        wait_ms=round((frame.started - frame.received) * 1_000, 3),
        run_ms=round(took_s * 1_000, 3),
        **result.timings.model_dump(exclude={"annotate_ms"}),
    )
    about = FrameSaid.model_construct(
        model=spec_of(frame.spec).model,
        version=result.version,
        runtime=result.runtime,
        device=result.device,
        prediction=result.predictions[0],
        window=seen.window,
        timings=timings,
    )
    return about.model_dump_json()[1:-1]


def _failure(error: Exception) -> str:
    if not isinstance(error, FramelaneError):
        log.error("frame_failed", exc_info=error)
    return f'"error":{ErrorInfo.of(error).model_dump_json()}'


def _go_on() -> None:
    """A frame is short: it is never stopped."""
