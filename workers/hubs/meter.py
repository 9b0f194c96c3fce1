"""What a job tells of its transfers: bytes, rate and the time that is left."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from shared.jobs import Transfer
from workers.context import JobContext

_TOLD_S = 0.1
_WINDOW_S = 5.0


class Abandoned(Exception):
    """Another transfer of the same job failed, so that this one is of no use."""


@dataclass(slots=True)
class _File:
    name: str
    done: int = 0
    total: int | None = None
    begun: bool = False
    over: bool = False

    @property
    def share(self) -> float:
        return 1.0 if self.over else min(self.done / self.total, 1.0) if self.total else 0.0


class JobMeter:
    """The progress of one job's transfers, which may go on at the same time.

    ``files``: how many there will be; together they are ``share`` of the job.
    """

    def __init__(
        self, context: JobContext, files: int, share: float = 0.9, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._count = max(files, 1)
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._abandoned = threading.Event()
        self._files: list[_File] = []
        self._total = 0
        self._told_at = float("-inf")
        self._seen: deque[tuple[float, int]] = deque()

    @property
    def total(self) -> int:
        """Bytes transferred so far, those of transfers that were begun anew included."""
        with self._lock:
            return self._total

    @property
    def fraction(self) -> float:
        """Of the whole job."""
        with self._lock:
            return self._fraction()

    def file(self, name: str) -> "FileMeter":
        """The meter of the next file; ``name`` is the model's."""
        entry = _File(name)
        with self._lock:
            self._files.append(entry)
        return FileMeter(self, entry)

    def abandon(self) -> None:
        """End all transfers, each with Abandoned."""
        self._abandoned.set()

    def note(self, entry: _File, done: int, total: int | None) -> None:
        """Bytes of a file, as its transfer tells them. Raises what the job's ``check`` does."""
        self._context.check()
        if self._abandoned.is_set():
            raise Abandoned
        with self._lock:
            if entry.begun:  # else it is what an earlier attempt brought
                self._total += max(done - entry.done, 0)
            entry.begun, entry.done, entry.total = True, done, total
            now = self._clock()
            if now - self._told_at < _TOLD_S and done not in {0, total}:
                return
            self._told_at = now
            fraction, names, transfer = self._fraction(), self._names(), self._transfer(now)
        self._context.progress(fraction, "download", f"{names}: {_said(transfer)}", transfer)

    def over(self, entry: _File) -> None:
        """The file is here."""
        with self._lock:
            entry.over = True

    def _fraction(self) -> float:
        return self._share * min(sum(file.share for file in self._files) / self._count, 1.0)

    def _on_their_way(self) -> list[_File]:
        return [file for file in self._files if file.begun and not file.over]

    def _names(self) -> str:
        return ", ".join(dict.fromkeys(file.name for file in self._on_their_way()))

    def _transfer(self, now: float) -> Transfer:
        files, rate = self._on_their_way(), self._rate(now)
        done, totals = sum(file.done for file in files), [file.total for file in files if file.total is not None]
        total = sum(totals) if len(totals) == len(files) else None
        left = round((total - done) / rate, 1) if total is not None and rate else None
        return Transfer(done_bytes=done, total_bytes=total, bytes_per_s=round(rate, 1) or None, left_s=left)

    def _rate(self, now: float) -> float:
        """Bytes a second over the last few seconds; 0 if that can't be told yet."""
        self._seen.append((now, self._total))
        while now - self._seen[0][0] > _WINDOW_S and len(self._seen) > 2:  # noqa: PLR2004 - two make a rate
            self._seen.popleft()
        (since, before), (until, after) = self._seen[0], self._seen[-1]
        return (after - before) / (until - since) if until > since else 0.0


class FileMeter:
    """See the hubs' port."""

    def __init__(self, job: JobMeter, entry: _File) -> None:
        self._job = job
        self._entry = entry

    def transferred(self, done: int, total: int | None) -> None:
        """See the port."""
        self._job.note(self._entry, done, total)

    def over(self) -> None:
        """The file is here, and is what it should be."""
        self._job.over(self._entry)


def _said(transfer: Transfer) -> str:
    done, total = transfer.done_bytes, transfer.total_bytes
    if not done:
        return "waiting for its source"
    speed = f", {transfer.bytes_per_s / 1e6:.1f} MB/s" if transfer.bytes_per_s else ""
    left = f", {transfer.left_s:.0f} s left" if transfer.left_s else ""
    return f"{done / 1e6:.1f} {'' if total is None else f'of {total / 1e6:.1f} '}MB{speed}{left}"
