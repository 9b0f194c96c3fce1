"""Who shows which token."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import SecretStr

from api.callers import Caller
from api.safety import UnsafeSettings, require_safe
from api.services.gate import Gate
from api.services.tokens import JwtTokens, ProviderKeys
from shared.access import KeyLimits, Role
from shared.access_errors import Unauthenticated
from shared.access_settings import AuthSettings, JwtSettings
from shared.adapters.memory import MemoryKeyStore
from shared.errors import StoreUnavailable
from shared.new_keys import NewKey, made
from shared.settings import Settings

_SECRET = "9fQm2Xz7LwTb4RkVd8HsYc3NpJg6Ue1A" * 2
_HS = JwtSettings(issuer="me", audience="framelane", algorithms=["HS256"], secret=SecretStr(_SECRET))
_RS = JwtSettings(issuer="me", audience="framelane", jwks_url="https://id.example/keys")


def signed(
    key: Any = _SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    good = {"iss": "me", "aud": "framelane", "exp": time.time() + 60, "sub": "eve", "role": "submitter"}
    said = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(said, key, algorithm, headers=headers)


async def told(token: str, settings: JwtSettings = _HS) -> Caller:
    return (await JwtTokens(settings, ProviderKeys(settings)).identify(token))[0]


async def test_a_token_says_who_what_and_whose() -> None:
    assert await told(signed(tenant="acme", role=["viewer", "operator", "else"])) == Caller(
        "jwt-acme-eve", Role.OPERATOR, "acme", "acme"
    )
    assert (await told(signed())).tenant == "default"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"exp": 1},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"nbf": 32_503_680_000},
        {"role": "root"},
        {"role": None},
        {"tenant": "../acme"},
        {"tenant": 5},
        {"key": "another secret of thirty-two bytes or more"},
        {"algorithm": "HS512"},
        {"algorithm": "none", "key": None},
        {"headers": {"crit": ["b64"], "b64": False}},
    ],
    ids=str,
)
async def test_other_tokens_are_refused(claims: Mapping[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await told(signed(**claims))


@pytest.mark.parametrize("token", ["a.b.c", "..", "e30.e30.", "ü.ü.ü"])
async def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        await told(token)


class Provider:
    """An identity provider's document of keys."""

    def __init__(self) -> None:
        self.keys = {"first": rsa.generate_private_key(public_exponent=65_537, key_size=2_048)}
        self.asked = 0

    def fetch(self, url: str) -> Mapping[str, Any]:
        assert url == _RS.jwks_url
        self.asked += 1
        return {"keys": [self._told(name, key) for name, key in self.keys.items()]}

    def _told(self, name: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
        document: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return document | {"kid": name, "alg": "RS256", "use": "sig"}

    def token(self, kid: str, **claims: Any) -> str:
        return signed(self.keys[kid], "RS256", {"kid": kid}, **claims)


async def test_keys_of_a_provider_change_and_are_not_asked_for_all_the_time() -> None:
    provider, now = Provider(), 0.0
    tokens = JwtTokens(_RS, ProviderKeys(_RS, provider.fetch, lambda: now))
    old = provider.token("first")
    for _ in range(3):
        assert (await tokens.identify(old))[0].role is Role.SUBMITTER
    assert provider.asked == 1
    del provider.keys["first"]
    provider.keys["second"] = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await tokens.identify(provider.token("second"))
    assert provider.asked == 1
    now += _RS.refetch_s
    assert (await tokens.identify(provider.token("second")))[0].role is Role.SUBMITTER
    with pytest.raises(Unauthenticated):
        await tokens.identify(old)
    assert provider.asked == 2


async def test_a_public_key_is_no_secret_and_no_path() -> None:
    provider = Provider()
    tokens = JwtTokens(_RS, ProviderKeys(_RS, provider.fetch))
    for kid in ("first", "../../etc/passwd", "x" * 5_000):
        with pytest.raises(Unauthenticated):
            await tokens.identify(signed("the text of a public key, thirty-two bytes", "HS256", {"kid": kid}))
    assert provider.asked == 0


async def test_a_provider_that_is_away_is_no_ones_fault() -> None:
    def away(_url: str) -> Mapping[str, Any]:
        raise OSError

    with pytest.raises(StoreUnavailable):
        await JwtTokens(_RS, ProviderKeys(_RS, away)).identify(Provider().token("first"))


async def test_a_revoked_key_and_one_whose_time_is_over() -> None:
    now = datetime.now(UTC).timestamp()
    keys = MemoryKeyStore()
    gate = Gate(keys, AuthSettings(mode="keys", recheck_s=2), clock=lambda: now)
    key, token = made(NewKey(name="a", days=1, tenant="acme", limits=KeyLimits(rate=7)))
    short, passing = made(NewKey(name="b", days=1 / 86_400), datetime.fromtimestamp(now, UTC))
    for each in (key, short):
        await keys.add(each)
    who = await gate.identify(token)
    assert (who.role, who.tenant, who.limits.rate) == (Role.SUBMITTER, "acme", 7)
    assert gate.remembered(token) is who
    await gate.identify(passing)
    now += 1.5
    assert gate.remembered(passing) is None
    with pytest.raises(Unauthenticated, match="time is over"):
        await gate.identify(passing)
    await keys.remove(key.id)
    assert gate.remembered(token) is who
    now += 1.0
    assert gate.remembered(token) is None
    with pytest.raises(Unauthenticated, match="revoked"):
        await gate.identify(token)


async def test_the_id_of_a_key_is_not_enough() -> None:
    keys = MemoryKeyStore()
    key, _ = made(NewKey(name="a"))
    await keys.add(key)
    _, other = made(NewKey(name="b"))
    await keys.add(key.model_copy(update={"id": other.split("_")[1]}))
    with pytest.raises(Unauthenticated):
        await Gate(keys, AuthSettings(mode="keys")).identify(other)


@pytest.mark.parametrize(
    ("settings", "host", "said"),
    [
        ({}, "0.0.0.0", "FRAMELANE_AUTH=keys"),
        ({"auth": {"mode": "jwt"}}, "127.0.0.1", "ISSUER and FRAMELANE_JWT__AUDIENCE"),
        ({"auth": {"mode": "both"}, "jwt": {"issuer": "a", "audience": "b"}}, "::", "FRAMELANE_JWT__JWKS_URL"),
        (
            {"auth": {"mode": "jwt"}, "jwt": {"issuer": "a", "audience": "b", "algorithms": ["HS256", "RS256"]}},
            "::",
            "go with no others",
        ),
        (
            {"auth": {"mode": "jwt"}, "jwt": {"issuer": "a", "audience": "b", "algorithms": ["HS256"]}},
            "::",
            "need FRAMELANE_JWT__SECRET",
        ),
        ({"auth": {"mode": "keys", "admin_key_file": "/nowhere/key"}}, "::", "can't be read"),
    ],
)
def test_what_is_not_safe_does_not_start(settings: dict[str, Any], host: str, said: str) -> None:
    with pytest.raises(UnsafeSettings, match=said):
        require_safe(Settings.model_validate(settings), host)


def test_weak_secrets_are_no_settings() -> None:
    for weak in ("short", "changeme-changeme-changeme-changeme", "x" * 40):
        for section in ({"auth": {"admin_key": weak}}, {"jwt": {"secret": weak}}):
            with pytest.raises(ValueError, match="make one with"):
                Settings.model_validate(section)
