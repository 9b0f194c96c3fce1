"""Frames, from the worker."""

from shared.adapters.redis_connection import BlockingRedis
from shared.adapters.redis_sessions.scripts import load_scripts
from shared.ports.sessions import Finished, TakenFrame
from shared.settings import Settings

_SECOND_US = 1_000_000


class RedisFrameStore:
    """FrameStore on Redis; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)
        self._scripts = load_scripts(settings.sessions)

    def take(self, session_id: str, worker: str) -> TakenFrame | None:
        """See the port."""
        reply = self._redis.run(self._scripts.take, self._prefix, session_id, worker)
        if reply is None:
            return None
        number, spec, kind, content, window, received, queued, started = reply
        return TakenFrame(
            session_id=session_id,
            number=number,
            spec=spec.decode(),
            kind=kind.decode(),
            content=content,
            window=window,
            received=int(received) / _SECOND_US,
            queued=int(queued) / _SECOND_US,
            started=int(started) / _SECOND_US,
        )

    def finish(self, frame: TakenFrame, kind: str, members: str, row: bytes = b"") -> Finished:
        """See the port."""
        said = (frame.session_id, frame.number, kind, members + "}", row)
        stale, wake = self._redis.run(self._scripts.finish, self._prefix, *said)
        return Finished(bool(stale), bool(wake))

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()
