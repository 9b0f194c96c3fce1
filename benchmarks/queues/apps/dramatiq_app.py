"""dramatiq: ``dramatiq dramatiq_app``; as a program, the submitter."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from stamps import URL, stamp, submit

dramatiq.set_broker(RedisBroker(url=URL))


@dramatiq.actor(actor_name="body", max_retries=0)
def body() -> None:
    """The job."""
    stamp()


if __name__ == "__main__":
    submit(body.send)
