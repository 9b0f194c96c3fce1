"""API keys straight in the store, for who makes the first one."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from client.local.environment import settings_of
from shared.access import ApiKey, KeyView
from shared.adapters.redis_keys import RedisKeyStore
from shared.new_keys import NewKey, made

T = TypeVar("T")


class StoredKeys:
    """Of the store that an environment names (REDIS_URL and its like). Raises StoreUnavailable, CannotStart."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings_of(os.environ if environ is None else environ)

    def create(self, new: NewKey) -> tuple[KeyView, str]:
        """The key and its token, which nobody can tell again."""
        key, token = made(new)
        self._do(lambda store: store.add(key))
        return key.view(), token

    def all(self) -> list[KeyView]:
        """In the order they were made in."""
        found: list[ApiKey] = self._do(lambda store: store.all())
        return [key.view() for key in found]

    def revoke(self, key_id: str) -> None:
        """Raises KeyNotFound."""
        self._do(lambda store: store.remove(key_id))

    def _do(self, what: Callable[[RedisKeyStore], Awaitable[T]]) -> T:
        async def done() -> T:
            store = RedisKeyStore(self._settings)
            try:
                return await what(store)
            finally:
                await store.close()

        return asyncio.run(done())
