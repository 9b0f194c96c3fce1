"""The door to the audit log."""

from collections.abc import Sequence
from typing import Protocol

from shared.audit import AuditEntry, KeptEntry


class AuditLog(Protocol):
    """Entries in the order they came in; none is ever changed. Raises StoreUnavailable."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Keep them, and let those go that are too old or too many."""
        ...

    async def newest(self, limit: int, before: str | None = None, tenant: str | None = None) -> list[KeptEntry]:
        """The newest first, of those before the entry ``before``. Raises ValueError if that is no id.

        ``tenant``: of its callers alone, which takes longer the more others have done; None: of everybody's.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
