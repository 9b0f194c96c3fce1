"""Tokens of an identity provider (JWT), checked with its keys."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, cast

import jwt
import structlog
from anyio import to_thread

from api.callers import Caller
from shared.access import DEFAULT_TENANT, TENANT, KeyLimits, Role
from shared.access_errors import Unauthenticated
from shared.access_settings import JwtSettings
from shared.errors import StoreUnavailable
from shared.settings import Settings

_FETCH_S = 5.0
_LARGEST = 1024 * 1024
_REQUIRED = ("iss", "aud", "exp")
_LONGEST_SUBJECT = 200

_log = structlog.stdlib.get_logger()

Fetch = Callable[[str], Mapping[str, Any]]
"""The document at a URL. Raises OSError, ValueError."""


def fetch(url: str) -> Mapping[str, Any]:
    """A JSON document of at most a megabyte."""
    with urllib.request.urlopen(url, timeout=_FETCH_S) as answer:  # noqa: S310  the operator's own URL, http or https
        return json.loads(answer.read(_LARGEST))


class ProviderKeys:
    """Keys by their ``kid``. Fetched again when they get old, and, now and then, for one that isn't known."""

    def __init__(
        self, settings: JwtSettings, fetch: Fetch = fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, kid: str | None) -> jwt.PyJWK:
        """Raises Unauthenticated for a key that the provider hasn't, StoreUnavailable where none is known."""
        if self._clock() - self._fetched >= self._settings.keys_s or kid not in self._keys:
            await self._refresh()
        if not self._keys:
            raise StoreUnavailable("the identity provider's keys can't be fetched")
        key = self._keys.get(kid)
        if key is None:
            raise Unauthenticated("the token is signed with a key that its provider doesn't tell")
        return key

    async def _refresh(self) -> None:
        async with self._fetching:
            if self._clock() - self._tried < self._settings.refetch_s:
                return
            self._tried = self._clock()
            try:
                document = await to_thread.run_sync(self._fetch, self._settings.jwks_url)
                found = jwt.PyJWKSet.from_dict(dict(document))
            except (OSError, ValueError, jwt.PyJWTError) as error:
                _log.warning("provider_keys_not_fetched", reason=type(error).__name__)
                return
            self._keys = {key.key_id: key for key in found.keys}
            self._fetched = self._clock()


class JwtTokens:
    """Who is told by tokens of one issuer for one audience, signed by one of a few algorithms."""

    def __init__(self, settings: JwtSettings, keys: ProviderKeys, rate: int | None = None) -> None:
        self._settings = settings
        self._keys = keys
        self._limits = KeyLimits(rate=rate)
        self._decoder = jwt.PyJWT(options={"require": list(_REQUIRED)})

    async def identify(self, token: str) -> tuple[Caller, float]:
        """The caller, and when the token's time is over. Raises Unauthenticated, StoreUnavailable."""
        settings = self._settings
        try:
            claims = self._decoder.decode(
                token,
                await self._key(token),
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_s,
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated(f"the token isn't good: {type(error).__name__}") from None
        return self._caller(claims), float(claims["exp"])

    async def _key(self, token: str) -> Any:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in self._settings.algorithms:  # before anybody fetches a key for it
            raise Unauthenticated("the token's algorithm isn't one of those that are taken")
        if secret := self._settings.secret.get_secret_value():
            return secret
        return await self._keys.get(header.get("kid"))

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        tenant = claims.get(self._settings.tenant_claim, DEFAULT_TENANT)
        try:
            TENANT.validate_python(tenant, strict=True)
        except ValueError:
            raise Unauthenticated(f"the token's {self._settings.tenant_claim} is no name of a tenant") from None
        subject = str(claims.get("sub", ""))[:_LONGEST_SUBJECT]
        return Caller(f"jwt-{tenant}-{subject}", self._role(claims), tenant, tenant, self._limits)

    def _role(self, claims: Mapping[str, Any]) -> Role:
        said = claims.get(self._settings.role_claim, self._settings.default_role)
        names = cast("list[Any]", said) if isinstance(said, list) else str(said).split()
        roles = [role for role in Role if role.value in names]
        if not roles:
            raise Unauthenticated(f"the token's {self._settings.role_claim} is no role of ours")
        return roles[-1]


def tokens(settings: Settings) -> JwtTokens:
    """Of the issuer that the settings name."""
    return JwtTokens(settings.jwt, ProviderKeys(settings.jwt), settings.auth.rate)
