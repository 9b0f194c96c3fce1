"""``make schemas``: requests made from the gateway's description, to each operation (``--examples 100 --only jobs``)."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from client.local.embedded import EmbeddedValkey
from shared.settings import RedisSettings, Settings
from tests.support.schemas import house, run


def main() -> int:
    """Exit status 1 if an answer wasn't as described."""
    parser = argparse.ArgumentParser(prog="schemas", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="of each operation, as described and otherwise")
    parser.add_argument("--only", default="", help="operations that have this in their method and path")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder) / "valkey") as valkey:
        settings = Settings(REDIS_URL=valkey.url, redis=RedisSettings(answer_s=5, connect_timeout_s=5))
        with house(settings, Path(folder)) as served:
            begun = time.monotonic()
            found = run(served, given.examples, lambda label: given.only in label)
    for what, how in sorted(found.faults.items()):
        print(f"- {what}\n{how}\n")
    answers = f"{found.statuses.total()} answers of {found.operations} operations"
    print(f"{answers} in {time.monotonic() - begun:.0f} s: {dict(sorted(found.statuses.items()))}")
    print(f"{len(found.faults)} faults")
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
