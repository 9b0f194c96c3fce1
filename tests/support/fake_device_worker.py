"""An odd worker on hardware that isn't here: two cards and an NPU. Those whose keys are in the file GONE are gone.

Inference jobs are answered with the name of the device, by nothing that looks at their inputs.

``python -m tests.support.fake_device_worker --lane gpu.1``.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from shared.devices import DeviceInfo
from shared.results import InferenceResult, InferenceTimings
from shared.specs import JobKind
from tests.support.devices import ARC, UHD, FakeDevices, npu
from tests.support.odd_worker import OddHandler
from workers import child
from workers.context import JobContext
from workers.handlers import Handler, WorkerEnvironment
from workers.warden import Warden, python

GONE = "TEST_GONE"
MODULE = "tests.support.fake_device_worker"


class NamingHandler(OddHandler):
    """Answers where it stands."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._device = environment.device.id

    def run(self, context: JobContext) -> InferenceResult:
        return InferenceResult(
            model="asl",
            version="1",
            runtime="none",
            device=self._device,
            predictions=[],
            timings=InferenceTimings(),
        )


def build(environment: WorkerEnvironment) -> Mapping[JobKind, Handler]:
    return {"model_download": OddHandler(), "inference": NamingHandler(environment)}


class Removable(FakeDevices):
    def present(self, device: DeviceInfo) -> bool:
        gone = Path(os.environ[GONE])
        return not gone.exists() or device.key not in gone.read_text()


if __name__ == "__main__":
    if sys.argv[1] == "child":
        sys.exit(child.main(sys.argv[2:], build, Removable(ARC, UHD, npu())))
    sys.exit(Warden(python(MODULE, "child", *sys.argv[1:])).run())
