"""Whether this process takes jobs. Messages of jobs it doesn't take go back to their queue."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog

from shared.errors import DeviceLeased, DeviceUnavailable, Unavailable

_TURN_BACK_S = 0.25
"""A closed intake keeps a message that long: the consumer needs a moment to stop asking for more."""

log = structlog.stdlib.get_logger()


class Intake:
    """One per process; safe to use from several threads.

    Closed while ``unready`` says why it takes no jobs, or ``leased_by`` who has its device for itself.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: set[str] = set()
        self._unready: str | None = None
        self._leased_by: str | None = None
        self._on_change: list[Callable[[], None]] = []

    @property
    def unready(self) -> str | None:
        """Why it takes no jobs."""
        return self._unready

    @property
    def leased_by(self) -> str | None:
        """The holder of a lease of its device."""
        return self._leased_by

    @property
    def open(self) -> bool:
        """Whether jobs are taken."""
        return self._unready is None and self._leased_by is None

    def on_change(self, call: Callable[[], None]) -> None:
        """``call`` whenever it was opened or closed, on the thread that did it."""
        self._on_change.append(call)

    def set_unready(self, why: str | None) -> None:
        """Take no jobs until told None."""
        self._set(why, self._leased_by)

    def set_leased(self, holder: str | None) -> None:
        """Take no jobs while there is a holder."""
        self._set(self._unready, holder)

    def others_than(self, job_id: str) -> int:
        """Jobs that are being run, but for this one."""
        with self._changed:
            return len(self._inside - {job_id})

    @contextmanager
    def entered(self, job_id: str) -> Generator[None]:
        """The job is run inside. Raises DeviceLeased or DeviceUnavailable while closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.open, _TURN_BACK_S)
            if not self.open:
                raise self._refusal()
            self._inside.add(job_id)
        try:
            yield
        finally:
            with self._changed:
                self._inside.discard(job_id)
                self._changed.notify_all()

    def _refusal(self) -> Unavailable:
        return DeviceUnavailable(self._unready) if self._unready is not None else DeviceLeased()

    def _set(self, unready: str | None, leased_by: str | None) -> None:
        with self._changed:
            if (unready, leased_by) == (self._unready, self._leased_by):
                return
            self._unready, self._leased_by = unready, leased_by
            self._changed.notify_all()
        if self.open:
            log.info("takes_jobs_again")
        else:
            log.warning("takes_no_jobs", unready=unready, leased_by=leased_by)
        for call in self._on_change:
            call()
