"""A multipart form that is wanted whole."""

from dataclasses import dataclass, field

from api.multipart import Event, PartBegins
from api.services.arriving import LARGE_BYTES, Arriving
from shared.arrived import Blob


@dataclass(frozen=True, slots=True)
class Part:
    """``filename`` is None for a plain field."""

    name: str
    filename: str | None
    content: Blob


@dataclass(slots=True)
class _Begun:
    part: PartBegins
    chunks: list[bytes] = field(default_factory=list[bytes])
    size: int = 0
    arriving: Arriving | None = None

    async def take(self, content: bytes, free: Arriving | None) -> None:
        self.size += len(content)
        self.chunks.append(content)
        if self.arriving is None and free and self.part.filename is not None and self.size >= LARGE_BYTES:
            self.arriving = free
        if self.arriving is not None:
            for chunk in self.chunks:
                await self.arriving.write(chunk)
            self.chunks.clear()

    async def close(self) -> Part:
        content = await self.arriving.complete() if self.arriving else b"".join(self.chunks)
        self.chunks.clear()
        return Part(self.part.name, self.part.filename, content)


class WholeForm:
    """Takes what a ``MultipartReader`` finds. The first file that turns out to be large is ``arriving``."""

    def __init__(self, arriving: Arriving | None = None) -> None:
        self._arriving = arriving
        self._parts: list[_Begun] = []

    async def take(self, event: Event) -> None:
        """The next."""
        if isinstance(event, PartBegins):
            self._parts.append(_Begun(event))
        else:
            free = self._arriving if self._arriving and self._arriving.free else None
            await self._parts[-1].take(event.content, free)

    async def close(self) -> list[Part]:
        """All parts, in their order."""
        return [await part.close() for part in self._parts]
