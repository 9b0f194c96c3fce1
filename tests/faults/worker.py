"""A worker as in production, but for two things: inference jobs do what their labels say, and any device is there."""

import sys
from collections.abc import MutableMapping
from typing import cast

from shared.devices import DeviceInfo, family_of
from shared.specs import JobKind
from workers import handlers, hardware, main


def compose() -> None:
    """Put our parts where the worker looks for its own."""
    known = cast("MutableMapping[JobKind, str]", handlers.HANDLERS)
    known["inference"] = "tests.faults.body:build"
    hardware.detect = _said_to_be_there


def _said_to_be_there(device: str) -> tuple[DeviceInfo, hardware.Vendor]:
    return DeviceInfo(id=device, family=family_of(device), full_name="not a real one"), hardware.Vendor.NONE


if __name__ == "__main__":
    compose()
    sys.exit(main.main())
