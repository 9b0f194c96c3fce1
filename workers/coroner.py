"""Tells the store that a worker process died, and why: ``python -m workers.coroner WORKER < cause``.

Its jobs wait again at once, not when their leases have lapsed. It ends with whatever it can't do in time.
"""

import sys
import time
from collections.abc import Callable

import structlog

from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.errors import Unavailable
from shared.settings import Settings
from shared.telemetry import configure_logging
from shared.upkeep import Upkeep

PATIENCE_S = 10.0
"""For a store that doesn't answer; then the leases tell."""

_PAUSE_S = 0.2
_LONGEST_CAUSE = 4_000

log = structlog.stdlib.get_logger()


def main(worker: str, said: str) -> None:
    """``worker``: its id, empty if it died before it had one. ``said``: the cause, then its last lines."""
    settings = Settings()
    configure_logging(settings.log, "warden")
    cause, _, lines = said.partition("\n")
    log.error("worker_died", worker=worker, reason=cause)
    if not worker:
        return
    store, queue, beacon = (
        RedisAttemptStore(settings),
        CeleryJobQueue(settings),
        RedisWorkerBeacon(settings),
    )
    upkeep = Upkeep(
        *(store, queue),
        resend_s=settings.jobs.resend_s,
        retry_base_s=settings.worker.retry_base_s,
        ageing_s=settings.queue.ageing_s,
    )
    until = time.monotonic() + PATIENCE_S
    patiently(lambda: upkeep.bury(worker, told(cause, lines)), until)
    patiently(lambda: beacon.withdraw(worker), until)
    for close in (queue.close, beacon.close, store.close):
        close()


def told(cause: str, lines: str) -> str:
    """What the history of an attempt says; the end of the lines matters more than their beginning."""
    return f"{cause}; its last lines:\n{lines[-_LONGEST_CAUSE:]}" if lines else cause


def patiently(call: Callable[[], object], until: float) -> None:
    """Try again until then while something doesn't answer."""
    while True:
        try:
            call()
        except Unavailable as error:
            log.warning("coroner_waits", reason=str(error))
            if time.monotonic() >= until:
                return
            time.sleep(_PAUSE_S)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read())
