"""Whether the worker of this container works: ``python -m workers.checkup``, for probes. Exit status 0 or 1.

It must have announced itself, and its consumer must answer over the broker, the way its jobs come. ``--live`` asks
whether a restart would help: a store that is down, or a device that another has, is no fault of the worker's.
"""

import argparse
import socket
import sys
from collections.abc import Callable, Sequence

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.adapters.celery_queue import make_celery
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.workers import WorkerInfo

ANSWER_S = 3.0

Answers = Callable[[list[str]], set[str]]
"""Which of these workers answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what is wrong, if anything."""
    parser = argparse.ArgumentParser(prog="workers.checkup", description=__doc__)
    parser.add_argument("--live", action="store_true", help="only what a restart may mend")
    live: bool = parser.parse_args(arguments).live
    settings = Settings()
    beacon = RedisWorkerBeacon(settings)
    try:
        wrong = fault(beacon.workers(), settings.worker.lane, lambda names: _answering(settings, names), live=live)
    except (StoreUnavailable, OperationalError, RedisError, OSError) as error:
        wrong = None if live else f"can't be asked: {error}"
    finally:
        beacon.close()
    sys.stdout.write(f"{wrong or 'ok'}\n")
    return 0 if wrong is None else 1


def fault(announced: Sequence[WorkerInfo], lane: str, answers: Answers, *, live: bool) -> str | None:
    """What is wrong with this host's workers of ``lane``; None if nothing is."""
    # Ids are made of the lane, the host's name and the process's number.
    mine = [worker for worker in announced if worker.id.startswith(f"{lane}@{socket.gethostname()}-")]
    if not mine:
        return f"no worker of lane {lane} has announced itself from here"
    silent = {worker.id for worker in mine} - answers([worker.id for worker in mine])
    if silent:
        return f"announced, but takes nothing from its queue's server: {', '.join(sorted(silent))}"
    unready = next((worker.unready for worker in mine if worker.unready is not None), None)
    return None if live else unready


def _answering(settings: Settings, names: list[str]) -> set[str]:
    app = make_celery(settings)
    try:
        replies = app.control.ping(destination=names, timeout=ANSWER_S, limit=len(names)) or []
    finally:
        app.close()
    return {name for reply in replies for name in reply}


if __name__ == "__main__":
    sys.exit(main())
