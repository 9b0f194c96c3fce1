"""A load balancer that knows nothing: each TCP connection goes to the next backend."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count


class RoundRobin:
    """Runs on a thread of its own. ``taken`` is how many connections each backend got."""

    def __init__(self, backends: Sequence[tuple[str, int]]) -> None:
        self.port = 0
        self.taken = [0] * len(backends)
        self._backends = backends
        self._turn = count()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection without a word."""
        self._loop.call_soon_threadsafe(self._abort)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._backends:
            number = next(self._turn) % len(self._backends)
            try:
                back_reader, back_writer = await asyncio.open_connection(*self._backends[number])
            except OSError:
                continue  # that one is gone; the next
            self.taken[number] += 1
            self._writers |= {writer, back_writer}
            await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))
            self._writers -= {writer, back_writer}
            return
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    writer.close()


@contextmanager
def round_robin(*ports: int) -> Iterator[RoundRobin]:
    balancer = RoundRobin([("127.0.0.1", port) for port in ports])
    balancer.start()
    try:
        yield balancer
    finally:
        balancer.stop()
