"""Brings messages to the queue, which blocks, without keeping anybody waiting for long."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from anyio import CapacityLimiter, to_thread

from shared.circuit import Circuit
from shared.errors import BrokerUnavailable
from shared.needs import work_of
from shared.packing import AnyTask, group_of
from shared.ports import Envelope, JobQueue
from shared.ports.queue import ABOUT
from shared.queue_settings import BatchingSettings
from shared.routing import BATCH_TASK, Route, place_of


class Courier:
    """``answer_s``: a broker that says nothing for so long is away; then others don't even ask it for a moment."""

    def __init__(
        self,
        queue: JobQueue,
        threads: CapacityLimiter,
        answer_s: float,
        batching: BatchingSettings | None = None,
    ) -> None:
        self._queue = queue
        self._threads = threads
        self._answer_s = answer_s
        self._batching = batching or BatchingSettings()
        self._circuit = Circuit(BrokerUnavailable)

    def message(
        self, task: AnyTask, route: Route, job_id: str, headers: Mapping[str, str], *, alone: bool = False
    ) -> tuple[str, Envelope | None]:
        """The group the job waits in, "" for none, and the message to be queued with its record, if it can be."""
        group = "" if alone or self._batching.jobs == 1 else group_of(task, self._batching.rows)
        if group:
            place = place_of(route.priority, route.queue, group)
            message = self._queue.summons(replace(route, task=BATCH_TASK), place)
            return (group, message) if message else ("", None)
        return "", self._queue.envelope(route, job_id, {**headers, ABOUT: work_of(task)})

    async def send(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """The message is with the broker when this returns. Raises BrokerUnavailable.

        After that it may still get there: a message of a job that isn't kept does nothing.
        """
        self._circuit.check()
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._answer_s):
                await to_thread.run_sync(
                    self._queue.send, route, job_id, headers, limiter=self._threads, abandon_on_cancel=True
                )
        except TimeoutError as error:
            self._circuit.open(self._look)
            msg = f"the broker said nothing within {self._answer_s:g} s"
            raise BrokerUnavailable(msg) from error
        except BrokerUnavailable:
            if asyncio.get_running_loop().time() - begun > self._answer_s / 2:
                self._circuit.open(self._look)
            raise

    async def close(self) -> None:
        """Look for the broker no more."""
        await self._circuit.close()

    async def _look(self) -> None:
        await to_thread.run_sync(self._queue.ping, abandon_on_cancel=True)
