"""The large file of a request, on its way to the store while the rest still comes."""

from collections.abc import Callable
from contextlib import suppress

from shared.arrived import Arrived
from shared.errors import StoreUnavailable
from shared.ports import Staging

LARGE_BYTES = 1024 * 1024
"""Of a file that is worth it."""


class Arriving:
    """Takes one file. What the store doesn't take now it is asked again for when the job is made."""

    def __init__(self, staging: Callable[[], Staging | None]) -> None:
        self._begin = staging
        self._staging: Staging | None = None
        self._lost = False
        self._file: Arrived | None = None

    @property
    def free(self) -> bool:
        """Whether no file has begun."""
        return self._file is None

    async def write(self, piece: bytes) -> None:
        """What came next of the file."""
        if self._file is None:
            self._file, self._staging = Arrived(), self._begin()
        if self._staging and not self._lost:
            try:
                await self._staging.write(piece)
            except StoreUnavailable:
                self._lost = True
        self._file.add(piece)

    async def complete(self) -> Arrived:
        """The file, which is all there."""
        file = self._file or Arrived()
        if self._staging and not self._lost:
            with suppress(StoreUnavailable):
                file.staged = await self._staging.complete()
        return file

    async def drop(self) -> None:
        """Nothing more will be made of it."""
        if self._staging:
            with suppress(StoreUnavailable):
                await self._staging.drop()
