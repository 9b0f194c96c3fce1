"""Celery as it comes, without results: ``celery -A celery_app worker``; as a program, the submitter."""

from celery import Celery
from stamps import URL, stamp, submit

app = Celery("bench", broker=URL)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task(name="bench.body")
def body() -> None:
    """The job."""
    stamp()


if __name__ == "__main__":
    submit(body.apply_async)
