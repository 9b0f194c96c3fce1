"""Ray Serve: ``python ray_server.py``; runs until it is interrupted."""

import signal
from typing import Any

import ray
from network import BATCH, PORT, WINDOW_S, WORKERS, Network, row
from ray import serve
from starlette.requests import Request

_PENDING = 256


@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=_PENDING)
class Gesture:
    """A replica."""

    def __init__(self) -> None:
        self._network = Network()

    @serve.batch(max_batch_size=max(BATCH, 1), batch_wait_timeout_s=WINDOW_S if BATCH > 1 else 0.0)
    async def answers(self, rows: list[list[float]]) -> list[dict[str, Any]]:
        """Of the requests that came together."""
        return self._network.answers(rows)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One request."""
        asked = row((await request.json())["landmarks"])
        return await self.answers(asked) if BATCH > 1 else self._network.answers([asked])[0]


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)  # replicas inherit this environment
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Gesture.bind(), route_prefix="/predict")
    try:
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        serve.shutdown()
        ray.shutdown()
