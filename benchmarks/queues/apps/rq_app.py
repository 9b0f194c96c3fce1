"""RQ: ``rq worker-pool``; as a program, the submitter."""

from redis import Redis
from rq import Queue
from stamps import URL, stamp, submit


def body() -> None:
    """The job."""
    stamp()


if __name__ == "__main__":
    queue = Queue("bench", connection=Redis.from_url(URL))
    submit(lambda: queue.enqueue("rq_app.body", result_ttl=0))
