"""A Celery worker with one task that prints when it starts: what Celery alone costs."""

import sys
import time

from celery.signals import worker_ready

from shared.adapters.celery_queue import make_celery
from shared.settings import Settings

app = make_celery(Settings.model_validate({"redis_url": sys.argv[1]}))


@app.task(name="framelane.bare_stamp")
def stamp(_id: str) -> None:
    """Say the time."""
    print(f"started {time.time()}", flush=True)


@worker_ready.connect
def ready(**_: object) -> None:
    """Say that messages are taken from now on."""
    print("ready", flush=True)


if __name__ == "__main__":
    app.Worker(pool="threads", concurrency=2, queues=["bare"], hostname="bare@bench", quiet=True).start()
