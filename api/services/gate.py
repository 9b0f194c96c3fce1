"""Finds out who shows a token: an API key, the administrator's key of the settings, or a JWT."""

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from api.callers import Caller
from shared.access import ApiKey, Role, digest_of, key_id_of
from shared.access_errors import Unauthenticated
from shared.access_secrets import weakness
from shared.access_settings import AuthSettings
from shared.ports.keys import KeyStore

_MOST = 10_000
"""Tokens remembered at once."""
_ADMIN = "admin-key"


class Tokens(Protocol):
    """Who is told by signed tokens."""

    async def identify(self, token: str) -> tuple[Caller, float]:
        """The caller, and when the token's time is over (seconds since the epoch). Raises Unauthenticated."""
        ...


class Gate:
    """Remembers for ``recheck_s`` whom a token is of, so that most requests ask nobody."""

    def __init__(
        self,
        keys: KeyStore,
        settings: AuthSettings,
        tokens: Tokens | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._by_key = settings.mode in {"keys", "both"}
        self._recheck_s = settings.recheck_s
        self._rate = settings.rate
        self._clock = clock
        admin = admin_key(settings)
        self._admin = digest_of(admin) if admin else ""
        self._known: dict[str, tuple[float, Caller]] = {}

    def remembered(self, token: str) -> Caller | None:
        """The caller, where that was found out a moment ago."""
        found = self._known.get(token)
        return found[1] if found is not None and found[0] > self._clock() else None

    async def identify(self, token: str) -> Caller:
        """Raises Unauthenticated, StoreUnavailable."""
        caller, until = await self._find(token)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token] = (min(until, self._clock() + self._recheck_s), caller)
        return caller

    async def _find(self, token: str) -> tuple[Caller, float]:
        if self._by_key:
            if self._admin and hmac.compare_digest(digest_of(token), self._admin):
                return Caller(_ADMIN, Role.ADMIN), float("inf")
            if (key_id := key_id_of(token)) is not None:
                return self._caller_of(await self._keys.get(key_id), token)
        if self._tokens is not None and token.count(".") == 2:  # noqa: PLR2004  the three parts of a JWT
            return await self._tokens.identify(token)
        raise Unauthenticated("the token isn't one of ours")

    def _caller_of(self, key: ApiKey | None, token: str) -> tuple[Caller, float]:
        if key is None or not key.is_of(token):
            raise Unauthenticated("the key is unknown, or was revoked")
        if key.expired(datetime.fromtimestamp(self._clock(), UTC)):
            raise Unauthenticated("the key's time is over")
        limits = key.limits
        if limits.rate is None and self._rate is not None:
            limits = limits.model_copy(update={"rate": self._rate})
        until = float("inf") if key.expires_at is None else key.expires_at.timestamp()
        return Caller(f"key-{key.id}", key.role, key.tenant, key.tenant, limits), until


def admin_key(settings: AuthSettings) -> str:
    """The administrator's key; empty where there is none. Raises ValueError for a file that holds a weak one."""
    if settings.admin_key_file is None:
        return settings.admin_key.get_secret_value()
    return _read(settings.admin_key_file)


def _read(path: Path) -> str:
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"FRAMELANE_AUTH__ADMIN_KEY_FILE: {path} can't be read: {error.strerror}") from error
    if why := weakness(secret):
        raise ValueError(f"FRAMELANE_AUTH__ADMIN_KEY_FILE: what {path} holds {why}")
    return secret
