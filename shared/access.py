"""Who may do what: roles, tenants and API keys. Pure."""

import hashlib
import hmac
import secrets
import string
import zlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.predictions import Answer

DEFAULT_TENANT = "default"
"""Whose everything is that was made without saying for whom."""

TenantName = Annotated[
    str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", description="as in a host name")
]
TENANT: TypeAdapter[str] = TypeAdapter(TenantName)

_PREFIX = "fl"
_ALPHABET = string.ascii_letters + string.digits
_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID, _SECRET, _CHECK = 12, 43, 6
"""Lengths. A secret of 43 letters and digits is one of 2^256."""


class Role(StrEnum):
    """What a caller may do; each may do what those before it may."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough."""
        return _RANK[self] >= _RANK[needed]


_RANK: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}


class KeyLimits(BaseModel):
    """What the holder of a key may ask for at most; null: what everybody may."""

    model_config = ConfigDict(frozen=True)

    rate: Annotated[int | None, Field(ge=1, le=1_000_000, description="requests a minute")] = None
    active: Annotated[int | None, Field(ge=1, description="jobs that wait or run")] = None
    depth: Annotated[int | None, Field(ge=1, description="jobs that wait")] = None


class KeyView(Answer):
    """A key as others may see it: without its secret, which nobody knows but its holder."""

    id: str
    name: str
    role: Role
    tenant: str
    limits: KeyLimits = KeyLimits()
    created_at: datetime
    expires_at: datetime | None = None


class ApiKey(KeyView):
    """A key as it is kept. ``digest``: sha256 of the whole token, in hex."""

    digest: str

    def view(self) -> KeyView:
        """What others may see."""
        return KeyView.model_validate(self.model_dump(exclude={"digest"}))

    def is_of(self, token: str) -> bool:
        """Whether the token is this key's; takes as long for any token."""
        return hmac.compare_digest(digest_of(token), self.digest)

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


def is_default(tenant: str) -> bool:
    """Whether it is the tenant of what was made without saying for whom."""
    return tenant == DEFAULT_TENANT


def new_token() -> tuple[str, str]:
    """A key's id and its token, ``fl_<id>_<secret><checksum>``."""
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID))
    body = f"{_PREFIX}_{key_id}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET))
    return key_id, body + _checksum(body)


def key_id_of(token: str) -> str | None:
    """The id of a key by its token; None for what was never one, which its checksum tells without a look-up."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    fits = prefix == _PREFIX and len(key_id) == _ID and len(secret) == _SECRET + _CHECK and token.isascii()
    if not fits or _checksum(token[:-_CHECK]) != token[-_CHECK:]:
        return None
    return key_id


def digest_of(token: str) -> str:
    """How a token is kept. One round is enough: there are too many secrets to try."""
    return hashlib.sha256(token.encode()).hexdigest()


def scoped(tenant: str, name: str) -> str:
    """A name of a tenant's own, among those of all; law: two tenants, or two names, never share one.

    Names of the default tenant stay as they are.
    """
    if tenant == DEFAULT_TENANT and not name.startswith("@"):
        return name
    return f"@{tenant}:{name}"


def unscoped(tenant: str, name: str) -> str | None:
    """The name as its tenant knows it; None for a name of another one."""
    own = f"@{tenant}:"
    if name.startswith(own):
        return name.removeprefix(own)
    return name if is_default(tenant) and not name.startswith("@") else None


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
