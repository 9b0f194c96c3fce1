"""The large file of a request, on its way to the store while the rest still comes."""

from collections.abc import Callable
from contextlib import suppress

from shared.arrived import Arrived
from shared.errors import StoreUnavailable
from shared.ports import Staging

LARGE_BYTES = 1024 * 1024
"""Of a file that is worth it."""


class Arrivals:
    """Lets ``most`` files be on their way at a time: who sends slowly takes room in the store meanwhile."""

    def __init__(self, begin: Callable[[], Staging | None], most: int) -> None:
        self._begin = begin
        self._left = most

    def begin(self) -> Staging | None:
        """For one more; None if it is to come with its job. Each that began is ``over`` some time."""
        staging = self._begin() if self._left else None
        if staging is not None:
            self._left -= 1
        return staging

    def over(self) -> None:
        """One has come, or won't."""
        self._left += 1


class Arriving:
    """Takes one file. If the store doesn't take all of it now, it is asked again when the job is made."""

    def __init__(self, arrivals: Arrivals, *, once: bool = False) -> None:
        """``once``: as for ``Arrived``."""
        self._arrivals = arrivals
        self._once = once
        self._staging: Staging | None = None
        self._comes = False
        self._file: Arrived | None = None

    @property
    def free(self) -> bool:
        """Whether no file has begun."""
        return self._file is None

    @property
    def is_staged(self) -> bool:
        """Whether the store may have some of it."""
        return self._staging is not None

    async def write(self, piece: bytes) -> None:
        """What came next of the file."""
        if self._file is None:
            self._file, self._staging = Arrived(once=self._once), self._arrivals.begin()
            self._comes = self._staging is not None
        if self._staging and self._comes:
            try:
                await self._staging.write(piece)
            except StoreUnavailable:
                self._over()
        self._file.add(piece)

    async def complete(self) -> Arrived:
        """The file, which is all there."""
        file = Arrived() if self._file is None else self._file
        if self._staging and self._comes:
            with suppress(StoreUnavailable):
                file.staged = await self._staging.complete()
        self._over()
        return file

    async def drop(self) -> None:
        """Nothing more will be made of it."""
        self._over()
        staging, self._staging = self._staging, None
        if staging:
            with suppress(StoreUnavailable):
                await staging.drop()

    def _over(self) -> None:
        if self._comes:
            self._comes = False
            self._arrivals.over()
