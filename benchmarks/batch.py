"""One job of many landmark rows, from the client's POST to the parsed answer, beside the network alone.

The network alone is the worker's own, with features, on the same rows in this process: no job can be faster. Rows
come as JSON hands, as a tensor in base64, or as the float32 part of a multipart request.
"""

import base64
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import numpy as np

from benchmarks.stack import running
from benchmarks.stats import machine, print_figures
from shared.catalogue import load_catalogue
from tests.support.models import model_folder
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.vision.features import hand_features

MODEL = "asl"
ROUNDS = 9
THREADS = 2
SPEC = {"kind": "inference", "model": MODEL, "options": {"top_k": 1}}


@dataclass(frozen=True, slots=True)
class Form:
    """A way to send ``rows``; ``target``: rows a second."""

    name: str
    rows: int
    target: str
    request: Callable[[np.ndarray], dict[str, Any]]


def as_hands(rows: np.ndarray) -> dict[str, Any]:
    """21 points each."""
    hands = [
        {"landmarks": [dict(zip("xyz", point, strict=True)) for point in hand]}
        for hand in rows.reshape(-1, 21, 3).tolist()
    ]
    return {"json": SPEC | {"inputs": hands}}


def as_tensor(rows: np.ndarray) -> dict[str, Any]:
    """One string."""
    data = base64.b64encode(rows.astype("<f4").tobytes()).decode()
    return {"json": SPEC | {"inputs": [{"tensor": {"shape": list(rows.shape), "data": data}}]}}


def as_part(rows: np.ndarray) -> dict[str, Any]:
    """Bytes."""
    spec = SPEC | {"inputs": [{"tensor": {"shape": list(rows.shape), "file": "rows"}}]}
    content = rows.astype("<f4").tobytes()
    return {
        "files": {
            "spec": (None, json.dumps(spec), "application/json"),
            "rows": ("rows.bin", content, "application/octet-stream"),
        }
    }


FORMS = (
    Form("JSON hands", 10_000, "", as_hands),
    Form("a tensor in base64", 10_000, "50,000", as_tensor),
    Form("a float32 part", 10_000, "", as_part),
    Form("a float32 part", 100_000, "500,000", as_part),
)


def alone(rows: np.ndarray) -> float:
    """Median seconds of features and network."""
    entry = load_catalogue().by_name[MODEL]
    model = registry.load_classifier(entry, model_folder(MODEL), "torch", Host(threads=THREADS))
    return median(lambda: model.predict(hand_features(rows)))


def sent(http: httpx2.Client, request: dict[str, Any], inside: list[float]) -> None:
    """One job, waited for; notes the milliseconds of its forward pass. Raises for one that failed."""
    answer = http.post("/api/v1/jobs", headers={"Prefer": "wait=60"}, **request).raise_for_status()
    inside.append(answer.json()["outcome"]["result"]["timings"]["model_ms"])


def median(call: Callable[[], object]) -> float:
    """Seconds of a call, after one to warm up."""
    call()
    took: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


def measured(http: httpx2.Client, form: Form, rows: np.ndarray) -> Sequence[tuple[str, str, str]]:
    """The network alone and the job, in the table."""
    limit, inside = alone(rows), list[float]()
    took = median(partial(sent, http, form.request(rows), inside))
    per_second = f"{form.rows / took:,.0f} ({took * 1000:.0f} ms, forward pass {statistics.median(inside):.0f} ms)"
    name = f"{form.rows:,} rows as {form.name}"
    return [
        (f"{name}: the network alone, {THREADS} threads", f"{form.rows / limit:,.0f} ({limit * 1000:.0f} ms)", ""),
        (f"{name}: end to end", f"{per_second}, {limit / took:.2f} of it", form.target),
    ]


def main() -> None:
    """Print rows per second for all ways to send them."""
    values = np.random.default_rng(7).random((max(form.rows for form in FORMS), 63), dtype=np.float32)
    rows: list[tuple[str, str, str]] = []
    with running() as stack, httpx2.Client(base_url=stack.url, timeout=60) as http:
        for form in FORMS:
            rows += measured(http, form, values[: form.rows])
    print_figures(f"Rows a second of one job ({machine()})", rows)


if __name__ == "__main__":
    main()
