"""Sole rights to something by its name, over all workers; those of a worker that died lapse."""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

import structlog

from shared.errors import Unavailable
from shared.ports import WorkerBeacon
from workers.loops import Loop

_PAUSE_S = 0.2

log = structlog.stdlib.get_logger()


@contextmanager
def held(
    beacon: WorkerBeacon, names: Iterable[str], token: str, ttl_s: float, on_wait: Callable[[str], None]
) -> Generator[None]:
    """Inside, nobody else has a right of these ``names``; kept alive until then.

    ``token``: who asks; the same one again, after its worker died, needn't wait for itself. ``on_wait`` is called
    with the name that somebody else has, a few times a second; what it raises ends the wait.
    All take them in the same order, so that no two wait for each other.
    """
    wanted, mine = sorted(set(names)), list[str]()
    if not wanted:
        yield
        return
    keeper = Loop("rights", ttl_s / 4, lambda: _prolong(beacon, list(mine), token, ttl_s), ttl_s / 4)
    keeper.start()
    try:
        for name in wanted:
            while not beacon.hold(name, token, ttl_s):
                on_wait(name)
                threading.Event().wait(_PAUSE_S)
            mine.append(name)
        yield
    finally:
        keeper.stop()
        _release(beacon, mine, token, ttl_s)


def _prolong(beacon: WorkerBeacon, names: list[str], token: str, ttl_s: float) -> None:
    for name in names:
        if not beacon.hold(name, token, ttl_s):
            log.warning("right_lost", right=name)


def _release(beacon: WorkerBeacon, names: list[str], token: str, ttl_s: float) -> None:
    for name in names:
        try:
            beacon.release(name, token)
        except Unavailable as error:
            log.warning("right_not_released", right=name, lapses_in_s=ttl_s, reason=error.detail)
