"""Our job layer without HTTP: records made in the store as the gateway makes them, one landmark row each."""

import asyncio
import os
from uuid import uuid4

from stamps import URL, submit_async

from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_jobs import RedisJobStore
from shared.inputs import LANDMARK_COLUMNS
from shared.packing import InferenceTask, PackedInput, floats
from shared.ports import NewJob
from shared.routing import BATCH_TASK, Route, place_of, task_name
from shared.settings import Settings

_LANE = "cpu"
_GROUP = "inference:asl" if os.environ["QUEUE_SETTING"] == "together" else ""


async def _main() -> None:
    settings = Settings.model_validate({"redis_url": URL})
    store, queue = RedisJobStore(settings), CeleryJobQueue(settings)
    task = InferenceTask(model="asl", inputs=[PackedInput(kind="landmarks", blob=0, rows=1)])
    blobs = [floats([0.5] * LANDMARK_COLUMNS)]
    name = BATCH_TASK if _GROUP else task_name(task.kind)
    route = Route(name, _LANE, task.priority)

    async def one() -> None:
        job_id = str(uuid4())
        asked = place_of(task.priority, _LANE, _GROUP) if _GROUP else job_id
        message = queue.envelope(route, asked, {})
        await store.create(NewJob(job_id, task, _LANE, job_id, blobs, message=message, group=_GROUP))

    await submit_async(one)
    await store.close()
    queue.close()


if __name__ == "__main__":
    asyncio.run(_main())
