"""taskiq with a list or, ``QUEUE_SETTING=stream``, a stream of Redis, whose messages are acknowledged."""

import asyncio
import os

from stamps import URL, stamp, submit_async
from taskiq_redis import ListQueueBroker, RedisStreamBroker

broker = (RedisStreamBroker if os.environ["QUEUE_SETTING"] == "stream" else ListQueueBroker)(URL)


@broker.task(task_name="bench.body")
async def body() -> None:
    """The job."""
    stamp()


async def _main() -> None:
    await broker.startup()
    await submit_async(body.kiq)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_main())
