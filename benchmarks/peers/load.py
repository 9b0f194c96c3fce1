"""One load generator for everybody: wrk, one thread, so many connections, the next request when one is answered.

It corrects for answers that a slow one kept it from asking for, for all alike.
"""

import json
import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).parent / "post.lua"


@dataclass(frozen=True, slots=True)
class Seen:
    """``own_cpu``: of a core, that wrk itself took. ``wrong``: answers other than 2xx, and broken connections."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    wrong: int
    own_cpu: float


def drive(
    wrk: str, url: str, body: Path, connections: int, seconds: int, media_type: str = "application/json"
) -> Seen:
    """Post ``body`` for so long."""
    before = _children_s()
    done = subprocess.run(
        [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT), url],
        env={**os.environ, "PEER_BODY": str(body), "PEER_MEDIA_TYPE": media_type},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    took = said["us"] / 1e6
    return Seen(
        said["requests"],
        said["requests"] / took,
        said["p50_us"] / 1e3,
        said["p99_us"] / 1e3,
        said["refused"] + said["lost"],
        (_children_s() - before) / took,
    )


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
