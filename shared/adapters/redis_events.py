"""All jobs' events over one pattern subscription."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

from shared.adapters.redis_lines import Line, listening
from shared.ports import Published
from shared.settings import Settings


class RedisEventBus:
    """EventBus on Redis pub/sub. Entering ``listen()`` raises StoreUnavailable; later losses are repaired."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel = f"{settings.redis.prefix}:events"

    @asynccontextmanager
    async def listen(
        self, wanted: Callable[[str], bool] | None = None
    ) -> AsyncGenerator[AsyncIterator[Published | None]]:
        """See the port."""
        async with (
            listening(self._settings, self._channel + "*") as line,
            aclosing(self._follow(line, wanted)) as events,
        ):
            yield events

    async def _follow(self, line: Line, wanted: Callable[[str], bool] | None) -> AsyncGenerator[Published | None]:
        while True:
            told = await line.next()
            if told is None:
                yield None
                continue
            for job_id, event in self._events(*told):
                if wanted is None or wanted(job_id):
                    yield Published(job_id, event)

    def _events(self, channel: bytes, message: bytes) -> Iterator[tuple[str, str]]:
        """Those of one step, which may be of many jobs: a line with id and event for each."""
        place, text = channel.decode(), message.decode()
        if place == self._channel:
            for line in text.split("\n"):
                job_id, _, event = line.partition(" ")
                yield job_id, event
        else:  # as older processes tell each by itself
            yield place.removeprefix(f"{self._channel}:"), text
