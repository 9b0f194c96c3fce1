"""Which keys of the store are copied, and how. Pure; names are without the prefix and its colon."""

from enum import StrEnum

from shared.adapters.redis_server import RESTORING


class Family(StrEnum):
    """What becomes of a key."""

    JOB = "job"  # with all that is the job's, as it is at one moment
    BENCHMARK = "benchmark"  # with its place in the order
    KEY = "key"  # as it stands
    REBUILT = "rebuilt"  # made anew from the others
    PASSING = "passing"  # of processes that live, of messages on their way, or counted for a minute


_REBUILT = (
    *("index", "index:", "ended:", "dead", "dead:", "order", "benchmarks", "benchmarks:", "lanes", "pending:"),
    *(
        "outbox",
        "sent:",
        "passed",
        "doubted",
        "leases",
        "deadlines",
        "retention",
        "callbacks",
        "callers",
        "active",
    ),
    *("idempotency:", "uploads", "indexed"),
)
_PASSING = (
    *("broker:", "worker:", "workers", "device-lease:", "device-leases", "held:", "models:holder", "turns"),
    *("rate:", "staged:", "ready:", "ready_sent", "identity", RESTORING),
)

JOB_PARTS = ("", ":blobs", ":told", ":events", ":records", ":checkpoint")
"""Ends of the keys of one job."""
TOGETHER: tuple[str, ...] = ("keys", "models", "media", "media:used", "pipelines")
"""Keys that are copied at the same moment, because some speak of others."""
AUDIT = "audit"
_KEPT_OF_SESSIONS = (":record", ":filed")
"""What was recorded and isn't in a file yet. The session itself ends with its gateway."""


def family(name: str) -> Family:
    """Keys that nobody here knows are copied as they stand."""
    if name.startswith("job:"):
        return Family.JOB
    if name.startswith("benchmark:"):
        return Family.BENCHMARK
    if _among(name, _REBUILT):
        return Family.REBUILT
    if _among(name, _PASSING) or (name.startswith("session:") and not name.endswith(_KEPT_OF_SESSIONS)):
        return Family.PASSING
    return Family.KEY


def counts(name: str) -> bool:
    """Whether a store with this key has something to lose. The audit log stays whatever is restored."""
    return name != AUDIT and family(name) is not Family.PASSING


def _among(name: str, names: tuple[str, ...]) -> bool:
    return any(name.startswith(each) if each.endswith(":") else name == each for each in names)
