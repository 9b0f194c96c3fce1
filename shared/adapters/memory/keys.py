"""API keys in memory."""

import time
from collections.abc import Callable

from shared.access import ApiKey
from shared.access_errors import KeyNotFound
from shared.ports.keys import Spent


class MemoryKeyStore:
    """KeyStore. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}
        self._counts: dict[tuple[str, int], int] = {}

    async def add(self, key: ApiKey) -> None:
        """See the port."""
        self._keys[key.id] = key

    async def get(self, key_id: str) -> ApiKey | None:
        """See the port."""
        return self._keys.get(key_id)

    async def all(self) -> list[ApiKey]:
        """See the port."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def remove(self, key_id: str) -> ApiKey:
        """See the port."""
        key = self._keys.pop(key_id, None)
        if key is None:
            raise KeyNotFound(f"there is no key {key_id[:100]!r}")
        return key

    async def spend(self, caller: str, limit: int, window_s: float) -> Spent:
        """See the port."""
        number, gone_s = divmod(self._clock(), window_s)
        before, count = (self._counts.get((caller, int(number) - back), 0) for back in (1, 0))
        used = before * (window_s - gone_s) / window_s + count
        if used + 1 > limit:
            slides = count + 1 <= limit and before > 0
            wait_s = (used + 1 - limit) * window_s / before if slides else window_s - gone_s
            return Spent(allowed=False, left=0, again_in_s=wait_s)
        self._counts[caller, int(number)] = count + 1
        return Spent(allowed=True, left=int(limit - used - 1), again_in_s=0.0)

    async def close(self) -> None:
        """Nothing to let go of."""
