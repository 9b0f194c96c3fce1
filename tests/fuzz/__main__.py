"""``make fuzz``: thousands of malformed requests to a gateway of its own (``--count 10000 --seed 1``)."""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx2
import psutil

from client.local.embedded import EmbeddedValkey
from shared.settings import Settings
from tests.support.fuzzing import run
from tests.support.gateway_process import gateway_process

_GROWTH = 64 * 1024 * 1024
_WARM = 1_000


def main() -> int:
    """Exit status 1 if an answer told too much or was ours to repair, or if the gateway grew."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder) / "valkey") as valkey:
        settings = Settings(REDIS_URL=valkey.url)
        with (
            gateway_process(settings, Path(folder)) as serving,
            httpx2.Client(base_url=serving.url, timeout=30) as client,
        ):
            gateway = psutil.Process(serving.process.pid)
            first = run(client, given.seed, _WARM)
            before = gateway.memory_info().rss
            found = run(client, given.seed + 1, given.count)
            grown = gateway.memory_info().rss - before
    faults = first.faults + found.faults
    print(f"{_WARM + given.count} requests, by status: {dict(sorted(found.statuses.items()))}")
    print(f"{len(faults)} faults; memory {grown / 2**20:+.1f} MiB after the first {_WARM}")
    print("\n".join(faults[:20]))
    return int(bool(faults) or grown > _GROWTH)


if __name__ == "__main__":
    sys.exit(main())
