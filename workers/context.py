"""What a handler sees of the attempt it works for: the task and its inputs, and the ways to say something back."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from shared.devices import DeviceInfo
from shared.errors import (
    ArtifactNotFound,
    FramelaneError,
    JobCancelled,
    JobTimedOut,
    StaleClaim,
    StoreUnavailable,
    Unavailable,
)
from shared.jobs import ArtifactRef, JobRecord, Progress, Transfer, artifact_key
from shared.packing import AnyTask
from shared.ports import ArtifactStore, AttemptStore, Claim, ObjectInfo, Record
from shared.results import StreamFigures

PROGRESS_PERIOD_S = 0.2
"""Progress is told at most this often; what came too soon is told later, or never if newer news came."""

_PROGRESS_PAUSE_S = 5.0
_ARTIFACT_PAUSES_S = (0.2, 2.0)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")

log = structlog.stdlib.get_logger()


class JobContext:
    """One attempt, as its handler sees it. Safe to use from several threads."""

    def __init__(
        self,
        claim: Claim,
        device: DeviceInfo,
        store: AttemptStore,
        artifacts: ArtifactStore,
        scratch_root: Path,
        clock: Callable[[], float] = time.monotonic,
        artifact_patience_s: float = 120.0,
    ) -> None:
        """``artifact_patience_s``: so long an artifact store that doesn't answer is tried again.

        ``work_ended``: the handler has returned; whoever runs it says so.
        """
        self.work_ended = False
        self.claim = claim
        self.device = device
        self._store = store
        self._artifacts = artifacts
        self._scratch_root = scratch_root
        self._clock = clock
        self._artifact_patience_s = artifact_patience_s
        self._lock = threading.Lock()
        self._telling = threading.Lock()  # two threads must not overtake each other with older news
        self._stopped: FramelaneError | None = None
        self._stopped_at: float | None = None
        self._halt = threading.Event()
        self._deadline: float | None = None
        self.begin()
        self._reported_at = float("-inf")
        self._pending: Progress | None = None
        self._told: Progress | None = None
        self._scratch: Path | None = None
        self._saved: dict[str, ArtifactRef] = {}

    @property
    def job(self) -> JobRecord:
        """The record as it was when this attempt claimed it."""
        return self.claim.job

    @property
    def tenant(self) -> str:
        """Whose the job is."""
        return self.claim.job.tenant

    @property
    def task(self) -> AnyTask:
        """What is asked for."""
        return self.claim.job.spec

    @property
    def blobs(self) -> list[bytes]:
        """The inputs' bytes; ``PackedInput.blob`` is an index into them."""
        return self.claim.blobs

    def begin(self) -> None:
        """The time that the attempt may take counts from now."""
        timeout = self.task.timeout_s
        self._deadline = None if timeout is None else self._clock() + timeout

    def progress(
        self, fraction: float, stage: str, message: str | None = None, transfer: Transfer | None = None
    ) -> None:
        """Tell how far the work is: ``fraction`` in [0, 1] (else cut to it). Cheap enough for inner loops.

        At most five a second are told. Never raises because of the store: progress isn't worth an attempt.
        """
        news = Progress(fraction=min(max(fraction, 0.0), 1.0), stage=stage, message=message, transfer=transfer)
        with self._lock:
            self._pending = news
        self.tell()

    def tell(self, *, now: bool = False) -> None:
        """Send progress that was held back, if it is time for it (``now``: whether or not it is)."""
        with self._telling:
            news = self._next_news(now=now)
            if news is None:
                return
            try:
                if self._store.report(self.claim, news):
                    self.stop(JobCancelled())
            except StaleClaim as error:
                self.stop(error)
            except Unavailable as error:
                log.warning("progress_not_told", reason=str(error))
                self._hold_back(news)

    def _next_news(self, *, now: bool) -> Progress | None:
        with self._lock:
            if not (now or self._clock() - self._reported_at >= PROGRESS_PERIOD_S):
                return None
            news, self._pending = self._pending, None
            if news is None or news == self._told:
                return None
            self._reported_at, self._told = self._clock(), news
            return news

    def _hold_back(self, news: Progress) -> None:
        with self._lock:
            self._pending, self._told = self._pending or news, None
            # Waiting for a store that doesn't answer, again and again, would hold up the work.
            self._reported_at = self._clock() + _PROGRESS_PAUSE_S

    def checkpoint(self, keep: str = "") -> str:
        """Keep how far the work is for an attempt that comes after this one, if it is lost; what is kept now.

        Raises StaleClaim. A store that doesn't answer keeps nothing: then the next attempt does more again.
        """
        try:
            return self._store.checkpoint(self.claim, keep)
        except Unavailable as error:
            log.warning("checkpoint_not_kept", reason=str(error))
            return ""

    def measure(self, streams: Sequence[StreamFigures], records: Sequence[Record] = ()) -> bool:
        """Tell figures of a pipeline and keep its newest records; False: not now, the store doesn't take them."""
        try:
            if self._store.measure(self.claim, streams, records):
                self.stop(JobCancelled())
        except StaleClaim as error:
            self.stop(error)
        except Unavailable as error:
            log.warning("figures_not_told", reason=str(error))
            return False
        return True

    def stop(self, why: FramelaneError) -> None:
        """From now on ``check`` raises ``why``. The first reason stays."""
        with self._lock:
            self._stop(why)

    def _stop(self, why: FramelaneError) -> None:
        if self._stopped is None:
            self._stopped = why
            self._stopped_at = self._clock()
            self._halt.set()

    @property
    def stopped(self) -> FramelaneError | None:
        """Why the work shall stop: cancelled, out of time, no longer ours, the worker leaves. None: go on."""
        with self._lock:
            if self._stopped is None and self._deadline is not None and self._clock() >= self._deadline:
                self._stop(JobTimedOut(f"the attempt ran longer than {self.task.timeout_s:g} s"))
            return self._stopped

    def stopped_for_s(self) -> float:
        """Seconds since the work was told to stop; 0 if it wasn't."""
        with self._lock:
            return 0.0 if self._stopped_at is None else self._clock() - self._stopped_at

    def should_stop(self) -> bool:
        """Whether ``check`` would raise."""
        return self.stopped is not None

    def check(self) -> None:
        """Raise if the work shall stop: JobCancelled, JobTimedOut, StaleClaim or WorkerLeaves.

        Call it between steps, at least once a second where that is possible, and let what it raises through.
        """
        if why := self.stopped:
            raise why

    @property
    def scratch(self) -> Path:
        """A folder for this attempt alone, made on first use and removed at the end."""
        with self._lock:
            if self._scratch is None:
                self._scratch = self._scratch_root / f"{self.job.id}-{self.claim.fence}"
                self._scratch.mkdir(parents=True)
            return self._scratch

    def save_artifact(self, name: str, content: Path | bytes, media_type: str) -> ArtifactRef:
        """Keep a file (or bytes) with the job. It becomes visible if this attempt completes the job.

        ``name``: letters, digits, dot, dash, underscore; the same name again replaces the earlier file.
        A store that doesn't answer is tried again for a while, so that the work needn't be repeated.
        Raises ValueError for another name, OutOfSpace, StoreUnavailable, and what ``check`` raises.
        """
        if not _NAME.match(name):
            msg = f"not a name for an artifact: {name!r}"
            raise ValueError(msg)
        key = self._key(name)
        if isinstance(content, Path):
            stored = self._patiently(lambda: self._artifacts.put_file(key, content, media_type))
        else:
            stored = self._patiently(lambda: self._artifacts.put_bytes(key, content, media_type))
        saved = ArtifactRef(name=name, size=stored.size, sha256=stored.sha256, media_type=media_type)
        with self._lock:
            self._saved[name] = saved
        return saved

    def _patiently(self, call: Callable[[], ObjectInfo]) -> ObjectInfo:
        give_up_at = self._clock() + self._artifact_patience_s
        pause, longest = _ARTIFACT_PAUSES_S
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if self._clock() >= give_up_at:
                    raise
                log.warning("artifact_store_awaited", reason=error.detail)
            self._halt.wait(pause)
            self.check()
            pause = min(pause * 2, longest)

    def confirm_artifacts(self) -> None:
        """Return if everything that was saved can be read. Raises StoreUnavailable, and what ``check`` raises."""
        for saved in self.artifacts:
            key = self._key(saved.name)
            try:
                found = self._patiently(lambda key=key: self._artifacts.stat(key))
            except ArtifactNotFound as error:
                raise StoreUnavailable(f"artifact {saved.name} was saved but isn't there") from error
            if (found.size, found.sha256) != (saved.size, saved.sha256):
                raise StoreUnavailable(f"artifact {saved.name} isn't what was saved")

    @property
    def artifacts(self) -> list[ArtifactRef]:
        """What was saved so far, in the order of first saving."""
        with self._lock:
            return list(self._saved.values())

    def drop_artifacts(self) -> None:
        """Remove what was saved; what can't be removed now is logged and left."""
        for saved in self.artifacts:
            try:
                self._artifacts.delete(self._key(saved.name))
            except Unavailable as error:
                log.warning("artifact_left_behind", key=self._key(saved.name), reason=str(error))
        self.forget_artifacts()

    def forget_artifacts(self) -> None:
        """Leave what was saved where it is."""
        with self._lock:
            self._saved.clear()

    def close(self) -> None:
        """Remove the scratch folder."""
        with self._lock:
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch = None

    def _key(self, name: str) -> str:
        return artifact_key(self.job.id, self.claim.fence, name)
