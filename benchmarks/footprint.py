"""What the gateway costs before it does anything, and how soon the whole system is ready."""

import statistics
import subprocess
import sys
import time

from benchmarks.stack import LANES, data_dir
from benchmarks.stats import machine, print_figures
from client.local import LocalStack

PROBE = """
import time; begun = time.perf_counter()
import {module}
took = time.perf_counter() - begun
rss = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(took, rss / 1024)
"""
ROUNDS = 5


def imported(module: str) -> tuple[float, float]:
    """Median seconds and MB resident of importing ``module`` in a clean process."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run[0]) for run in runs), statistics.median(float(run[1]) for run in runs)


def ready() -> float:
    """Seconds until the stack says that it is ready, models present: loaded and warm."""
    with data_dir() as folder:
        begun = time.perf_counter()
        with LocalStack(folder, lanes=LANES):
            return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    fastapi_s, fastapi_mb = imported("fastapi")
    gateway_s, gateway_mb = imported("api.main")
    ups = [ready() for _ in range(3)]
    print_figures(
        f"Footprint ({machine()})",
        [
            ("import fastapi alone", f"{fastapi_s:.2f} s, {fastapi_mb:.0f} MB", ""),
            ("import api.main", f"{gateway_s:.2f} s, {gateway_mb:.0f} MB", "2 s, 120 MB"),
            ("framelane up, ready", f"{statistics.median(ups):.1f} s", "6 s"),
        ],
    )


if __name__ == "__main__":
    main()
