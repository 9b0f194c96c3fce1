"""LitServe: ``python litserve_server.py``."""

from typing import Any

import litserve
import numpy as np
from network import BATCH, PORT, WINDOW_S, WORKERS, Network, row


class Gesture(litserve.LitAPI):
    """Its stages, in its worker processes."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load."""
        self.network = Network()

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        """The row of a request."""
        return np.array(row(request["landmarks"]), dtype=np.float32)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        """Rows on top of each other."""
        return np.stack(inputs)

    def predict(self, x: np.ndarray) -> list[dict[str, Any]]:
        """Of one row or of a batch."""
        return self.network.answers(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """An answer for each."""
        return [[each] for each in output]

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        """As it is."""
        return output[0]


if __name__ == "__main__":
    batching = {"max_batch_size": BATCH, "batch_timeout": WINDOW_S} if BATCH > 1 else {}
    server = litserve.LitServer(Gesture(**batching), accelerator="cpu", workers_per_device=WORKERS)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning", access_log=False)
