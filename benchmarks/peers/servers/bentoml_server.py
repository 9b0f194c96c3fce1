"""BentoML: ``bentoml serve bentoml_server:Gesture``. A batched endpoint takes lists: ours are of one hand."""

from typing import Any

import bentoml
from network import BATCH, WORKERS, Network, row

_BATCHING = {"batchable": True, "max_batch_size": BATCH, "max_latency_ms": 60_000} if BATCH > 1 else {}


@bentoml.service(workers=WORKERS, traffic={"timeout": 60})
class Gesture:
    """A worker."""

    def __init__(self) -> None:
        self._network = Network()

    @bentoml.api(**_BATCHING)
    def predict(self, hands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The letters of these hands."""
        return self._network.answers([row(hand["landmarks"]) for hand in hands])
