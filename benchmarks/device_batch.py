"""Rows and photos per second on one device: plain PyTorch, the worker's own path, and jobs through the system.

``python -m benchmarks.device_batch --device GPU``; without an option the CPU. All three run in one go, on the same
device, and their answers are compared with plain PyTorch's on the CPU.
"""

import argparse
import base64
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.stack import running
from benchmarks.stats import machine
from shared.catalogue import load_catalogue
from shared.devices import Lane, LaneClass
from shared.settings import Settings
from tests.support.models import model_folder, photo
from workers.child import pin
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.runtimes.torch import network
from workers.vision.features import Floats, hand_features
from workers.vision.images import decode

ROWS = (1, 8, 64, 512, 4096)
PHOTOS = (1, 16)
ROUND_S = 0.5
ROUNDS = 5
AT_ONCE = 8
"""Callers of the system: one who waits for each answer would measure the way, not the device."""
MODEL = "asl"
TOLERANCE = 1e-5

Call = Callable[[Floats], Floats]


def main(arguments: Sequence[str] = ()) -> None:
    """Print a table per kind of input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="CPU", help="CPU, GPU or GPU.<number>; a GPU needs CUDA")
    lane = Lane.of(parser.parse_args(arguments).device, LaneClass.FAST)
    device = pin(lane, lane.device, Settings().worker)  # as a worker does, before PyTorch looks for devices
    where = torch.device("cpu" if lane.device == "CPU" else "cuda:0")
    title = f"{device.full_name}, torch {torch.__version__} ({machine()})"
    plain, ours, reference = plain_torch(where), the_workers(lane.device), plain_torch(torch.device("cpu"))
    with (
        running((lane.name, "io")) as stack,
        httpx2.Client(base_url=stack.url, timeout=120, limits=httpx2.Limits(max_connections=AT_ONCE)) as http,
        ThreadPoolExecutor(AT_ONCE) as callers,
    ):
        jobs = Jobs(http, callers, lane)
        rows_table(title, plain, ours, reference, jobs)
        photos_table(title, ours, jobs)


def plain_torch(where: torch.device) -> Call:
    """What one would write without us."""
    module = network(load_catalogue().by_name[MODEL], model_folder(MODEL)).to(where)

    def call(hands: Floats) -> Floats:
        with torch.inference_mode():
            return module(torch.from_numpy(hand_features(hands)).to(where)).cpu().numpy()

    return call


def the_workers(device: str) -> Call:
    """The worker's model, without queue and network."""
    entry = load_catalogue().by_name[MODEL]
    model = registry.load_classifier(entry, model_folder(MODEL), "torch", Host(device))
    return lambda hands: model.predict(hand_features(hands))


class Jobs:
    """Jobs of a running system, several at once."""

    def __init__(self, http: httpx2.Client, callers: ThreadPoolExecutor, lane: Lane) -> None:
        self._http = http
        self._callers = callers
        self._lane = lane

    def run(self, inputs: list[dict[str, object]]) -> dict[str, object]:
        """The result of one job."""
        spec = {
            "kind": "inference",
            "model": MODEL,
            "device": self._lane.device,
            "inputs": inputs,
            "options": {"top_k": 1, "runtime": "torch"},
        }
        answer = self._http.post("/api/v1/jobs", json=spec, headers={"Prefer": "wait=60"}).raise_for_status()
        return answer.json()["outcome"]["result"]

    def per_second(self, inputs: list[dict[str, object]], size: int) -> float:
        """The median over rounds."""
        return statistics.median(self._round(inputs, size) for _ in range(ROUNDS))

    def _round(self, inputs: list[dict[str, object]], size: int) -> float:
        begun = time.perf_counter()
        until = begun + 2 * ROUND_S

        def one(_number: int) -> int:
            done = 0
            while time.perf_counter() < until:
                self.run(inputs)
                done += size
            return done

        done = sum(self._callers.map(one, range(AT_ONCE)))
        return done / (time.perf_counter() - begun)


def rows_table(title: str, plain: Call, ours: Call, reference: Call, jobs: Jobs) -> None:
    """Landmarks of hands, as one tensor."""
    chance = np.random.default_rng(7)
    table = Table(
        *("rows", "plain torch", "worker", "of plain", "jobs", "of plain", "largest difference"),
        title=f"rows/s of {MODEL}: {title}",
        title_justify="left",
    )
    for size in ROWS:
        hands: Floats = chance.random((size, 63), dtype=np.float32)
        tensor = {"shape": [size, 63], "data": base64.b64encode(hands.astype("<f4").tobytes()).decode()}
        first, second = alternating(partial(plain, hands), partial(ours, hands), size)
        third = jobs.per_second([{"tensor": tensor}], size)
        difference = float(np.abs(ours(hands) - reference(hands)).max())
        told = jobs.run([{"tensor": tensor}])["predictions"][0]["indices"]  # type: ignore[index]
        right = told == reference(hands).argmax(axis=1).tolist() and difference < TOLERANCE
        table.add_row(
            f"{size:,}",
            f"{first:,.0f}",
            f"{second:,.0f}",
            f"{second / first:.2f}",
            f"{third:,.0f}",
            f"{third / first:.2f}",
            f"{difference:.1e}{'' if right else '  WRONG'}",
        )
    Console(width=120).print(table)


def photos_table(title: str, ours: Call, jobs: Jobs) -> None:
    """JPEGs of a hand: decoded, landmarks found by MediaPipe on the CPU, then the model on the device."""
    content = photo("nocurl").read_bytes()
    finder = registry.load_hands(model_folder("hand_landmarker"), Host())

    def bare(count: int) -> None:
        found = [finder.find(decode(content, "photo"))[0].points.reshape(1, -1) for _ in range(count)]
        ours(np.concatenate(found))

    table = Table(
        "photos", "bare loop", "jobs", "of bare", title=f"photos/s of {MODEL}: {title}", title_justify="left"
    )
    item: dict[str, object] = {"data": base64.b64encode(content).decode()}
    for count in PHOTOS:
        first = statistics.median(per_second(partial(bare, count), count) for _ in range(ROUNDS))
        second = jobs.per_second([item] * count, count)
        table.add_row(str(count), f"{first:,.1f}", f"{second:,.1f}", f"{second / first:.2f}")
    finder.close()
    Console(width=120).print(table)


def alternating(first: Callable[[], object], second: Callable[[], object], size: int) -> tuple[float, float]:
    """Medians of both, measured in turns so that neither has the calmer moment."""
    pairs = [(per_second(first, size), per_second(second, size)) for _ in range(ROUNDS)]
    return statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def per_second(call: Callable[[], object], size: int) -> float:
    """Over one round, after a call to warm up."""
    call()
    done, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < ROUND_S:
        call()
        done += size
    return done / spent


if __name__ == "__main__":
    main(sys.argv[1:])
