"""Our job layer without HTTP: records made in the store as the gateway makes them, one landmark row each."""

import asyncio
import os

from stamps import URL, submit_async

from benchmarks.holding import Maker


async def _main() -> None:
    maker = Maker(URL, "inference:asl" if os.environ["QUEUE_SETTING"] == "together" else "")
    await submit_async(maker.one)
    await maker.close()


if __name__ == "__main__":
    asyncio.run(_main())
