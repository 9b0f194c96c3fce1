"""An odd worker on hardware that isn't here: two cards and an NPU. Those whose keys are in the file GONE are gone.

``python -m tests.support.fake_device_worker --lane gpu.1``.
"""

import os
import sys
from pathlib import Path

from shared.devices import DeviceInfo
from tests.support.devices import ARC, UHD, FakeDevices, npu
from tests.support.odd_worker import build
from workers import child
from workers.warden import Warden, python

GONE = "TEST_GONE"
MODULE = "tests.support.fake_device_worker"


class Removable(FakeDevices):
    def present(self, device: DeviceInfo) -> bool:
        gone = Path(os.environ[GONE])
        return not gone.exists() or device.key not in gone.read_text()


if __name__ == "__main__":
    if sys.argv[1] == "child":
        sys.exit(child.main(sys.argv[2:], build, Removable(ARC, UHD, npu())))
    sys.exit(Warden(python(MODULE, "child", *sys.argv[1:])).run())
