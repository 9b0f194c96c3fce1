"""What a new API key shall be, and the making of one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from shared.access import DEFAULT_TENANT, ApiKey, KeyLimits, Role, TenantName, digest_of, new_token
from shared.inputs import Wire

_LONGEST_DAYS = 3_650


class NewKey(Wire):
    """A key to be made. Its token is told once, and kept nowhere."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="what it is for")]
    role: Role = Role.SUBMITTER
    tenant: TenantName = DEFAULT_TENANT
    limits: KeyLimits = KeyLimits()
    days: Annotated[
        float | None, Field(gt=0, le=_LONGEST_DAYS, description="good for so long; null: for ever")
    ] = None


def made(new: NewKey, now: datetime | None = None) -> tuple[ApiKey, str]:
    """The key as it is kept, and its token."""
    key_id, token = new_token()
    created = now or datetime.now(UTC)
    key = ApiKey(
        id=key_id,
        name=new.name,
        role=new.role,
        tenant=new.tenant,
        limits=new.limits,
        created_at=created,
        expires_at=None if new.days is None else created + timedelta(days=new.days),
        digest=digest_of(token),
    )
    return key, token
