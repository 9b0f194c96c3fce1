"""What is remembered of those who changed something. Pure."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["done", "refused", "failed"]


class AuditEntry(BaseModel):
    """One changing call. ``at_ms``: when it was answered; ``who``: the name of the caller's key, "" for nobody's.

    ``action``: method and path of the operation, with names in braces where ``target`` has what was asked for.
    ``status``: the HTTP status; 0: the client left before there was one.
    """

    model_config = ConfigDict(frozen=True)

    at_ms: int
    who: str
    tenant: str
    address: str
    action: str
    target: str
    status: int
    outcome: Outcome
    request_id: str


class KeptEntry(AuditEntry):
    """The same, with its place in the log: later entries have greater ones."""

    id: str


class AuditList(BaseModel):
    """Newest first. ``next_before``: asked with it as ``before``, older ones follow; null: there are none."""

    entries: list[KeptEntry]
    next_before: str | None


def outcome_of(status: int) -> Outcome:
    """What a status means to somebody who asks what was done."""
    if 0 < status < 400:  # noqa: PLR2004  what HTTP says
        return "done"
    return "refused" if 400 <= status < 500 else "failed"  # noqa: PLR2004
