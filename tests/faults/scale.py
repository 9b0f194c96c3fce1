"""How large the loads are and how long one waits: the full form, and the short one of every test run."""

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """``lease_s``, ``renew_s`` …: as the settings of the same names."""

    short: bool
    lease_s: float
    renew_s: float
    heartbeat_s: float
    drain_s: float
    grace_s: float
    resend_s: float

    def pick(self, short: T, full: T) -> T:
        return short if self.short else full

    def at_most(self, seconds: float) -> float:
        """A promised time; the short form, which runs on any machine beside other tests, leaves room for those."""
        return 4 * seconds if self.short else seconds

    def env(self) -> dict[str, str]:
        """The settings of gateways and workers."""
        return {
            "FRAMELANE_WORKER__LEASE_S": str(self.lease_s),
            "FRAMELANE_WORKER__RENEW_S": str(self.renew_s),
            "FRAMELANE_WORKER__HEARTBEAT_S": str(self.heartbeat_s),
            "FRAMELANE_WORKER__DRAIN_S": str(self.drain_s),
            "FRAMELANE_WORKER__GRACE_S": str(self.grace_s),
            "FRAMELANE_JOBS__RESEND_S": str(self.resend_s),
            "FRAMELANE_CALLBACKS__TIMEOUT_S": "1",
            "FRAMELANE_CALLBACKS__FIRST_PAUSE_S": "0.3",
        }


FULL = Scale(short=False, lease_s=15, renew_s=5, heartbeat_s=2, drain_s=8, grace_s=3, resend_s=5)
SHORT = Scale(short=True, lease_s=2.5, renew_s=0.5, heartbeat_s=0.5, drain_s=2, grace_s=1.5, resend_s=1.5)
