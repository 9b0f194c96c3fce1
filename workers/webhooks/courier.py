"""Delivers what is due, a few messages at a time. The store holds the schedule, so a restart forgets nothing."""

import threading
import time

import structlog

from shared.errors import Unavailable
from shared.ports import AttemptStore, Callback
from shared.settings import CallbackSettings
from workers import meters
from workers.loops import Loop
from workers.webhooks.message import Message, Signer
from workers.webhooks.post import Poster
from workers.webhooks.schedule import Verdict, judge

PERIOD_S = 0.5

_TELLING_S = 15.0
"""After a try, for the store to hear of it. If it doesn't, the message is sent again, with the same id."""

log = structlog.stdlib.get_logger()


class Courier:
    """One per io worker. Without a secret it has nothing to do. Raises ValueError for a secret of another form."""

    def __init__(self, settings: CallbackSettings, store: AttemptStore, poster: Poster | None = None) -> None:
        secret = settings.secret.get_secret_value()
        self._settings = settings
        self._store = store
        self._signer = Signer(secret) if secret else None
        self._poster = poster or Poster(settings.timeout_s, settings.private_hosts)
        self._slots = threading.Semaphore(settings.per_worker)
        self._stopping = threading.Event()
        self._loop = Loop("courier", PERIOD_S, self.step)

    def start(self) -> None:
        """Begin to deliver."""
        if self._signer is not None:
            self._loop.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Begin no more tries. Those under way get ``timeout_s``; one that is cut off is made again by others."""
        self._stopping.set()
        until = time.monotonic() + timeout_s
        self._loop.stop(timeout_s)
        for _ in range(self._settings.per_worker):
            self._slots.acquire(timeout=max(until - time.monotonic(), 0.0))

    def step(self) -> None:
        """Try everything that is due. Raises StoreUnavailable."""
        signer = self._signer
        while signer is not None and (free := self._take_slots()):
            due = self._take_due(free)
            for callback in due:
                threading.Thread(
                    target=self._deliver, args=(callback, signer), name="webhook", daemon=True
                ).start()
            if len(due) < free:
                return

    def _take_slots(self) -> int:
        """All that are free, at least one; 0 once there is nothing to wait for."""
        while not self._slots.acquire(timeout=PERIOD_S):
            if self._stopping.is_set():
                return 0
        free = 1
        while self._slots.acquire(blocking=False):
            free += 1
        if self._stopping.is_set():
            self._slots.release(free)
            return 0
        return free

    def _take_due(self, slots: int) -> list[Callback]:
        """One per slot at most; the other slots are given back."""
        due: list[Callback] = []
        try:
            due = self._store.due_callbacks(self._settings.timeout_s + _TELLING_S, slots)
        finally:
            if idle := slots - len(due):
                self._slots.release(idle)
        return due

    def _deliver(self, callback: Callback, signer: Signer) -> None:
        try:
            verdict = self._try(callback, signer)
            self._store.callback_tried(callback.job_id, verdict.error, verdict.again_in_s)
        except Unavailable as error:
            log.warning("webhook_try_not_noted", job_id=callback.job_id, reason=str(error))
        except Exception:
            log.exception("webhook_try_failed", job_id=callback.job_id)
        finally:
            self._slots.release()

    def _try(self, callback: Callback, signer: Signer) -> Verdict:
        begun = time.monotonic()
        try:
            message = Message(callback)
        except ValueError:
            verdict = Verdict("the event can't be read")
        else:
            headers = message.headers(signer, int(time.time()))
            said = self._poster.post(callback.url, message.body, headers)
            age_s = callback.age_s + time.monotonic() - begun
            verdict = judge(self._settings, callback.tried, age_s, said)
        _note(callback, verdict)
        return verdict


def _note(callback: Callback, verdict: Verdict) -> None:
    # The rest of the URL may hold secrets.
    told = {"job_id": callback.job_id, "authority": callback.url.split("/")[2], "tried": callback.tried}
    given_up = "given_up" if verdict.again_in_s is None else "again"
    meters.webhook_tried("delivered" if verdict.error is None else given_up)
    if verdict.error is None:
        log.info("webhook_delivered", **told)
    else:
        log.warning("webhook_not_delivered", **told, reason=verdict.error, again_in_s=verdict.again_in_s)
