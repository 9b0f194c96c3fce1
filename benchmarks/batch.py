"""One job of 10,000 landmark rows, from the client's POST to the parsed answer."""

import base64
import random
import statistics
import time
from array import array

import httpx2

from benchmarks.stack import running
from benchmarks.stats import machine, print_figures

ROWS = 10_000
ROUNDS = 9


def main() -> None:
    """Print rows per second for both ways to send them."""
    chance = random.Random(7)
    values = array("f", (chance.random() for _ in range(ROWS * 63)))
    tensor = {"tensor": {"shape": [ROWS, 63], "data": base64.b64encode(values.tobytes()).decode()}}
    hands = [
        {
            "landmarks": [
                {"x": values[at], "y": values[at + 1], "z": values[at + 2]} for at in range(row, row + 63, 3)
            ]
        }
        for row in range(0, ROWS * 63, 63)
    ]
    rows: list[tuple[str, str, str]] = []
    with running() as stack, httpx2.Client(base_url=stack.url, timeout=60) as http:
        for name, inputs, target in (("one tensor", [tensor], "50,000"), ("10,000 JSON hands", hands, "")):
            took: list[float] = []
            inside: list[float] = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                answer = http.post(
                    "/api/v1/jobs",
                    json={"kind": "inference", "model": "asl", "inputs": inputs, "options": {"top_k": 1}},
                    headers={"Prefer": "wait=60"},
                ).raise_for_status()
                job = answer.json()
                took.append(time.perf_counter() - begun)
                inside.append(job["outcome"]["result"]["timings"]["model_ms"])
            median = statistics.median(took)
            measured = (
                f"{ROWS / median:,.0f} ({median * 1000:.0f} ms, forward pass {statistics.median(inside):.0f} ms)"
            )
            rows.append((f"rows/s end to end, {name}", measured, target))
    print_figures(f"A batch of {ROWS:,} rows ({machine()})", rows)


if __name__ == "__main__":
    main()
