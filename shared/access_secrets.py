"""What is too weak to be a secret. Pure."""

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

SHORTEST = 32
_FEWEST = 10
"""Different characters."""
_KNOWN = ("changeme", "change-me", "password", "secret", "example", "default", "minioadmin", "framelane")


def weakness(secret: str) -> str:
    """Why it is no secret; empty for a good one."""
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if len(set(secret)) < _FEWEST or any(known in secret.lower() for known in _KNOWN):
        return "is easy to guess"
    return ""


def no_weak_secret(secret: SecretStr) -> SecretStr:
    """Raises PydanticCustomError for one that is set and weak."""
    value = secret.get_secret_value()
    if value and (why := weakness(value)):
        raise PydanticCustomError(
            "weak_secret", "{why}; make one with `openssl rand -base64 32`, for example", {"why": why}
        )
    return secret
