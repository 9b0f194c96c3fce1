"""One job of many landmark rows, from the client's POST to the parsed answer, beside the least it can take.

The network alone is the worker's own, with features, on the same rows in this process and over the same threads;
the bytes alone are those of the rows, sent over a socket, written to a Valkey like the system's and read from it,
by code that does nothing else. A job whose parts wait for each other can't be faster than both together. Rows come
as JSON hands, as a tensor in base64, as the float32 part of a multipart request, or as a binary string in msgpack.
The answer is parsed with orjson. Medians of 30, after five to warm up: a worker's first large jobs take longer.
"""

import base64
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import orjson
import redis

from benchmarks.processes import cpu_s
from benchmarks.stack import running
from benchmarks.stats import machine, print_figures
from client.local import LocalStack
from client.local.embedded import EmbeddedValkey
from shared.catalogue import load_catalogue
from shared.msgpacked import packed
from tests.support.models import model_folder
from workers.handlers.inference_gestures import ROWS_AT_ONCE
from workers.helpers import Helpers
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.vision.features import hand_features

MODEL = "asl"
ROUNDS = 30
WARM_UP = 5
PIECE = 64 * 1024
PARTS = ("gateway", "cpu", "valkey")
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


def as_packed(rows: np.ndarray) -> dict[str, Any]:
    """The same bytes in msgpack."""
    tensor = {"shape": list(rows.shape), "data": rows.astype("<f4").tobytes()}
    content = packed(SPEC | {"inputs": [{"tensor": tensor}]})
    return {"content": content, "headers": {"Content-Type": "application/msgpack"}}


FORMS = (
    Form("JSON hands", 10_000, "", as_hands),
    Form("a tensor in base64", 10_000, "50,000", as_tensor),
    Form("a float32 part", 10_000, "", as_part),
    Form("a float32 part", 100_000, "", as_part),
    Form("float32 in msgpack", 10_000, "", as_packed),
    Form("float32 in msgpack", 100_000, "500,000", as_packed),
)


def alone(rows: np.ndarray, helpers: Helpers) -> float:
    """Median seconds of features and network."""
    entry = load_catalogue().by_name[MODEL]
    model = registry.load_classifier(entry, model_folder(MODEL), "torch", Host(threads=1))

    def some(first: int) -> np.ndarray:
        return model.predict(hand_features(rows[first : first + ROWS_AT_ONCE]))

    return median(lambda: helpers.each(some, range(0, len(rows), ROWS_AT_ONCE)))


def moved(content: bytes) -> float:
    """Median seconds in which the bytes go over a socket, into a Valkey of their own and out of it."""
    with ExitStack() as closing:
        valkey = closing.enter_context(EmbeddedValkey(Path(closing.enter_context(tempfile.TemporaryDirectory()))))
        store = closing.enter_context(redis.Redis.from_url(valkey.url))

        def move() -> None:
            ours, theirs = socket.socketpair()
            with ours, theirs, ThreadPoolExecutor(1) as reader:
                came = reader.submit(theirs.recv, len(content), socket.MSG_WAITALL)
                ours.sendall(content)
                content_there = memoryview(came.result())
            pieces = store.pipeline(transaction=False)
            pieces.delete("rows")
            for at in range(0, len(content), PIECE):
                pieces.rpush("rows", content_there[at : at + PIECE])
            pieces.execute()
            for at in range(0, len(content), 8 * PIECE):
                store.lrange("rows", at // PIECE, at // PIECE + 7)

        return median(move)


def sent(http: httpx2.Client, request: dict[str, Any], inside: list[float]) -> None:
    """One job, waited for; notes the milliseconds of its forward pass. Raises for one that failed."""
    headers = {"Prefer": "wait=60"} | request.get("headers", {})
    answer = http.post("/api/v1/jobs", **request | {"headers": headers}).raise_for_status()
    inside.append(orjson.loads(answer.content)["outcome"]["result"]["timings"]["model_ms"])


def median(call: Callable[[], object]) -> float:
    """Seconds of a call."""
    for _ in range(WARM_UP):
        call()
    took: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


def measured(stack: LocalStack, form: Form, rows: np.ndarray, helpers: Helpers) -> Sequence[tuple[str, str, str]]:
    """The network alone, the bytes alone and the job, in the table."""
    limit, bytes_s, inside = alone(rows, helpers), moved(rows.tobytes()), list[float]()
    pids = {name: pid for name, pid in stack.pids().items() if name in PARTS}
    with httpx2.Client(base_url=stack.url, timeout=60) as http:
        call = partial(sent, http, form.request(rows), inside)
        before, own = {name: cpu_s(pid) for name, pid in pids.items()}, time.process_time()
        took, jobs = median(call), ROUNDS + WARM_UP
    spent_s = {name: cpu_s(pid) - before[name] for name, pid in pids.items()} | {
        "client": time.process_time() - own
    }
    spent = ", ".join(f"{name} {each * 1000 / jobs:.0f}" for name, each in spent_s.items())
    per_second = f"{form.rows / took:,.0f} ({took * 1000:.0f} ms, forward pass {statistics.median(inside):.0f} ms)"
    name = f"{form.rows:,} rows as {form.name}"
    floor = f"{form.rows / (limit + bytes_s):,.0f} ({limit * 1000:.0f} + {bytes_s * 1000:.0f} ms)"
    return [
        (f"{name}: network alone, then bytes alone", floor, ""),
        (f"{name}: end to end", f"{per_second}, {(limit + bytes_s) / took:.2f} of it", form.target),
        (f"{name}: CPU ms a job", spent, ""),
    ]


def main() -> None:
    """Print rows per second for all ways to send them."""
    values = np.random.default_rng(7).random((max(form.rows for form in FORMS), 63), dtype=np.float32)
    rows: list[tuple[str, str, str]] = []
    helpers = Helpers(len(os.sched_getaffinity(0)))
    chosen = [form for form in FORMS if not sys.argv[1:] or form.name in sys.argv[1:]]
    with running() as stack:
        for form in chosen:
            rows += measured(stack, form, values[: form.rows], helpers)
    helpers.close()
    print_figures(f"Rows a second of one job ({machine()})", rows)


if __name__ == "__main__":
    main()
