"""A worker's child as in production, but for two things: inference jobs do as they are told, and any device is there."""

import sys
from collections.abc import Mapping, Sequence

from shared.devices import DeviceInfo, LaneClass
from shared.specs import JobKind
from tests.faults import body
from tests.support.devices import FakeDevices
from workers import child
from workers.devices.contract import Found, Vendor
from workers.handlers import Handler, WorkerEnvironment, build_handlers


def build(environment: WorkerEnvironment) -> Mapping[JobKind, Handler]:
    """The io lane's handlers are the real ones."""
    if environment.lane.lane_class is LaneClass.IO:
        return build_handlers(environment)
    return {"inference": body.build(environment)}


class Everything(FakeDevices):
    """Whatever is asked for is there."""

    def found(self, family: str | None = None) -> Sequence[Found]:
        return [Found(DeviceInfo(id=family, family=family, full_name="not a real one"), Vendor.NONE, family)] * 9


if __name__ == "__main__":
    sys.exit(child.main(build=build, devices=Everything()))
