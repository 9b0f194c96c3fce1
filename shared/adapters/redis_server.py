"""Whether a Redis is one that jobs can be entrusted to."""
# pyright: basic
# redis-py leaves most of its parameters untyped; nothing above this module touches it.

from collections.abc import Mapping
from typing import Any

import redis
import redis.retry
import structlog
from redis.backoff import NoBackoff

from shared.adapters.redis_tls import tls_options
from shared.settings import Settings

OLDEST = {"redis": (7, 0), "valkey": (7, 2)}

_log = structlog.stdlib.get_logger()


class UnfitServer(ValueError):
    """This server would lose jobs or can't run our scripts; the text says what to do."""


RESTORING = "restoring"
"""This key is there as long as a restore goes on, or when it didn't end."""


def check_servers(settings: Settings, *, to_restore: bool = False) -> None:
    """Return unless the server of jobs, or the broker if it is another Redis, is known to be unfit.

    Blocking; to be called before anything is served. Raises UnfitServer. A server that doesn't answer, or won't
    tell, is no error here: it may come, and the parts that need it say so.
    """
    for url in dict.fromkeys((settings.store_url, settings.broker_url)):
        if url.startswith(("redis://", "rediss://", "unix://")):
            half = None if to_restore or url != settings.store_url else f"{settings.redis.prefix}:{RESTORING}"
            reason = unfit(_about(url, settings, half))
            if reason is not None:
                raise UnfitServer(reason)


def _about(url: str, settings: Settings, half: str | None) -> dict[str, Any]:
    """``half``: a key that says that not everything is there yet."""
    once = redis.retry.Retry(NoBackoff(), 0)
    limits = {
        "socket_timeout": settings.redis.socket_timeout_s,
        "socket_connect_timeout": settings.redis.connect_timeout_s,
        **tls_options(url, settings),
    }
    try:
        with redis.Redis.from_url(url, retry=once, **limits) as client:
            begun = {RESTORING: client.get(half)} if half else {}
            return {**client.info("server"), **client.info("memory"), **begun}
    except redis.RedisError as error:
        _log.warning("redis_not_checked", reason=str(error))
        return {}


def unfit(about: Mapping[str, Any]) -> str | None:
    """Why not, from what INFO tells; None if nothing is known against it."""
    if about.get(RESTORING):
        return "a restore of this store goes on, or didn't end: wait for it, or do it again with --force"
    for engine, oldest in OLDEST.items():
        # Valkey tells a version of Redis too, which it is compatible with.
        version = about.get(f"{engine}_version")
        if version and tuple(int(part) for part in version.split(".")[:2]) < oldest:
            return f"{engine.title()} {version} is too old: use Redis 7.0 or Valkey 7.2, or newer"
    policy = about.get("maxmemory_policy", "noeviction")
    if about.get("maxmemory") and policy != "noeviction":
        return (
            f"Redis would throw jobs away when its memory is full (maxmemory-policy {policy}): run "
            "CONFIG SET maxmemory-policy noeviction, and write it into the server's configuration"
        )
    return None
