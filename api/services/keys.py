"""Making, listing and revoking API keys."""

from api.callers import Caller, caller
from shared.access import ApiKey, is_default
from shared.access_errors import Forbidden, KeyNotFound
from shared.new_keys import NewKey, made
from shared.ports.keys import KeyStore


class Keys:
    """Of the caller's tenant; administrators of the default one care for the keys of all."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def create(self, new: NewKey) -> tuple[ApiKey, str]:
        """The key and its token, which nobody can tell again. Raises Forbidden for another tenant's."""
        if not _cares(caller(), new.tenant):
            raise Forbidden("keys of other tenants are made by administrators of the default one")
        key, token = made(new)
        await self._store.add(key)
        return key, token

    async def all(self) -> list[ApiKey]:
        """In the order they were made in."""
        who = caller()
        return [key for key in await self._store.all() if _cares(who, key.tenant)]

    async def get(self, key_id: str) -> ApiKey:
        """Raises KeyNotFound."""
        key = await self._store.get(key_id)
        if key is None or not _cares(caller(), key.tenant):
            raise KeyNotFound(f"there is no key {key_id[:100]!r}")
        return key

    async def revoke(self, key_id: str) -> ApiKey:
        """Gateways that know its holder stop serving it within ``auth.recheck_s``. Raises KeyNotFound."""
        await self.get(key_id)
        return await self._store.remove(key_id)


def _cares(who: Caller, tenant: str) -> bool:
    return is_default(who.tenant) or who.tenant == tenant
