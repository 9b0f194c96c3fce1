"""A runtime of MLServer; it speaks the Open Inference Protocol: named tensors instead of points."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from network import Network


class Gesture(MLModel):
    """The model."""

    async def load(self) -> bool:
        """Load."""
        self.network = Network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Of one request, or of several that MLServer put together."""
        found = self.network.answers(NumpyCodec.decode_input(payload.inputs[0]))
        confidences = np.array([[each["confidence"]] for each in found], dtype=np.float32)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("prediction", [each["prediction"] for each in found]),
                NumpyCodec.encode_output("confidence", confidences),
            ],
        )
