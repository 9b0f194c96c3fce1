"""Threads that share the pieces of one large piece of work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


class Helpers:
    """``threads`` of one process, for all its jobs; they are made when there is something to share."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "helper") if threads > 1 else None

    def each(self, call: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
        """What ``call`` gives for each; raises what the first that fails raises, and begins no more of them.

        ``call`` must be safe to use from several threads.
        """
        if self._pool is None or len(items) < 2:  # noqa: PLR2004  one has nothing to share
            return [call(item) for item in items]
        return list(self._pool.map(call, items))

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
