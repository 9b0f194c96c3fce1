"""A worker's child as in production, but for two things: inference jobs do as they are told, and any device is there."""

import sys
from collections.abc import Mapping

from shared.devices import DeviceInfo, LaneClass, family_of
from shared.specs import JobKind
from tests.faults import body
from workers import child, hardware
from workers.handlers import Handler, WorkerEnvironment, build_handlers


def build(environment: WorkerEnvironment) -> Mapping[JobKind, Handler]:
    """The io lane's handlers are the real ones."""
    if environment.lane.lane_class is LaneClass.IO:
        return build_handlers(environment)
    return {"inference": body.build(environment)}


def _said_to_be_there(device: str) -> tuple[DeviceInfo, hardware.Vendor]:
    return DeviceInfo(id=device, family=family_of(device), full_name="not a real one"), hardware.Vendor.NONE


if __name__ == "__main__":
    hardware.detect = _said_to_be_there
    sys.exit(child.main(build=build))
