"""What keeps a gateway from starting, because it would serve strangers."""

from api.middleware import is_loopback
from api.services.gate import admin_key
from shared.settings import Settings


class UnsafeSettings(Exception):
    """The remedy is part of the sentence."""


def require_safe(settings: Settings, host: str) -> None:
    """Raises UnsafeSettings unless a gateway with these settings may listen at the address."""
    mode = settings.auth.mode
    if mode == "off" and not is_loopback(host):
        raise UnsafeSettings(
            f"without authentication only loopback addresses are served, not {host}; set FRAMELANE_AUTH=keys and "
            "FRAMELANE_AUTH__ADMIN_KEY_FILE, or make keys with `framelane keys create`"
        )
    try:
        admin_key(settings.auth)
    except ValueError as error:
        raise UnsafeSettings(str(error)) from error
    if mode in {"jwt", "both"}:
        _require_provider(settings)


def _require_provider(settings: Settings) -> None:
    jwt = settings.jwt
    symmetric = {name.startswith("HS") for name in jwt.algorithms}
    missing = [name for name in ("issuer", "audience") if not getattr(jwt, name)]
    if missing:
        names = " and ".join(f"FRAMELANE_JWT__{name.upper()}" for name in missing)
        raise UnsafeSettings(f"tokens of anybody would be taken: set {names}")
    if len(symmetric) > 1:
        raise UnsafeSettings("FRAMELANE_JWT__ALGORITHMS: HS algorithms, whose key is a secret, go with no others")
    if symmetric == {True} and not jwt.secret.get_secret_value():
        raise UnsafeSettings("FRAMELANE_JWT__ALGORITHMS: HS algorithms need FRAMELANE_JWT__SECRET")
    if symmetric == {False} and not jwt.jwks_url:
        raise UnsafeSettings("set FRAMELANE_JWT__JWKS_URL, where the provider tells its keys")
