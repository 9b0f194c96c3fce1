"""Which models are installed, read often and asked for seldom."""

import time
from collections.abc import Sequence
from contextlib import suppress

from api.services.entries import Entries
from shared.errors import ModelNotInstalled, StoreUnavailable
from shared.ports import WorkerDirectory
from shared.results import InstalledModel


class InstalledModels:
    """Knows what was installed at most ``ttl_s`` ago."""

    def __init__(self, directory: WorkerDirectory, entries: Entries, ttl_s: float = 1.0) -> None:
        self._directory = directory
        self._entries = entries
        self._ttl_s = ttl_s
        self._read_at = float("-inf")
        self._models: dict[str, InstalledModel] = {}

    @property
    def known(self) -> dict[str, InstalledModel]:
        """Installed models by name, as they were read last."""
        return self._models

    async def now(self) -> dict[str, InstalledModel]:
        """Installed models by name, read just now."""
        begun = time.monotonic()
        self._models = await self._directory.models()
        self._entries.learn(self._models)
        self._read_at = begun
        return self._models

    @property
    def changes(self) -> int:
        """How often entries of models became known, or others."""
        return self._entries.changes

    async def news_since(self, changes: int) -> bool:
        """Whether there are others by now, looked at anew. If nobody answers: as far as is known."""
        with suppress(StoreUnavailable):
            await self.now()
        return self._entries.changes != changes

    async def require(self, names: Sequence[str]) -> None:
        """Raises ModelNotInstalled, saying how to install what is missing; looked at anew before that."""
        fresh = time.monotonic() - self._read_at < self._ttl_s
        installed = self._models if fresh else await self.now()
        if fresh and any(name not in installed for name in names):
            installed = await self.now()
        missing = [name for name in names if name not in installed]
        if missing:
            listed = ", ".join(f'"{name}"' for name in missing)
            remedy = f'{{"kind": "model_download", "models": [{listed}]}}'
            msg = f"not installed: {', '.join(missing)}; install with POST /api/v1/jobs {remedy}"
            raise ModelNotInstalled(msg)
