"""Live sessions in Redis: each step of a frame is one script."""

from shared.adapters.redis_sessions.front import RedisSessionStore
from shared.adapters.redis_sessions.workshop import RedisFrameStore

__all__ = ["RedisFrameStore", "RedisSessionStore"]
