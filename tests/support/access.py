"""Gateways that ask who calls, and keys to them."""

from collections.abc import Mapping

from pydantic import SecretStr

from shared.access import DEFAULT_TENANT, KeyLimits, Role
from shared.access_settings import AuthSettings
from shared.new_keys import NewKey, made
from shared.settings import Settings
from tests.support.gateway import House

ADMIN_KEY = "fTq7w0ZkX3vRb9LmE2sYc8HdJ5uNaGpV"
"""Of the settings of ``asking``."""

ASKS = AuthSettings(mode="keys", admin_key=SecretStr(ADMIN_KEY))


def asking(auth: AuthSettings = ASKS, **sections: object) -> House:
    """A gateway that knows its callers."""
    return House(Settings.model_validate({"auth": auth, **sections}))


async def key_for(
    house: House,
    role: Role,
    tenant: str = DEFAULT_TENANT,
    limits: KeyLimits | None = None,
    days: float | None = None,
) -> str:
    """The token of a new key."""
    new = NewKey(name=f"a {role}", role=role, tenant=tenant, limits=limits or KeyLimits(), days=days)
    key, token = made(new)
    await house.keys.add(key)
    return token


def bearer(token: str) -> Mapping[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {token}"}
