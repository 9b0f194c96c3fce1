"""The door to API keys."""

from dataclasses import dataclass
from typing import Protocol

from shared.access import ApiKey


@dataclass(frozen=True, slots=True)
class Spent:
    """A request was counted. ``left``: of the limit, after it; ``again_in_s``: until there is room for another."""

    allowed: bool
    left: int
    again_in_s: float


class KeyStore(Protocol):
    """Keys, for all gateways. Raises StoreUnavailable."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new one."""
        ...

    async def get(self, key_id: str) -> ApiKey | None:
        """None when there is none, or none any more."""
        ...

    async def all(self) -> list[ApiKey]:
        """In the order they were made in."""
        ...

    async def remove(self, key_id: str) -> ApiKey:
        """Nobody can use it any more; what it was. Raises KeyNotFound."""
        ...

    async def spend(self, caller: str, limit: int, window_s: float) -> Spent:
        """Count a request of the caller's, unless the ``limit`` of the last ``window_s`` seconds is reached.

        The window slides: what was counted in the one before weighs as much as still lies in the last seconds.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
