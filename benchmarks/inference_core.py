"""What the worker's own work costs, without queue and network: networks, landmarks, decoding, whole jobs."""

import asyncio
import base64
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.stats import Sample, machine, print_figures, print_latencies
from shared.catalogue import load_catalogue
from shared.jobs import Completed
from tests.support.models import model_folder, photo
from tests.support.workplace import Workplace
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.vision.features import Floats, hand_features, word_features
from workers.vision.images import decode

ROWS = (1, 64, 10_000)
THREADS = (1, 2)


def timed(call: Callable[[], object], rounds: int = 100) -> list[float]:
    """Milliseconds of each call, after a tenth as many to warm up."""
    took: list[float] = []
    for _ in range(rounds // 10 + 1):
        call()
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def networks() -> list[tuple[str, str, str]]:
    """Features and forward pass, per runtime, threads and rows."""
    return [row for runtime in ("torch", "openvino") for threads in THREADS for row in network(runtime, threads)]


def network(runtime: str, threads: int) -> Iterator[tuple[str, str, str]]:
    """Letters of several rows at once, then one movement."""
    entries = load_catalogue().by_name
    chance = np.random.default_rng(7)
    letters, words = (
        registry.load_classifier(entries[name], model_folder(name), runtime, Host(threads=threads))
        for name in ("asl", "lstm")
    )
    for count in ROWS:
        hands: Floats = chance.random((count, 63), dtype=np.float32)
        took = timed(
            partial(lambda hands: letters.predict(hand_features(hands)), hands), 20 if count > 100 else 200
        )
        median = Sample("", took).median
        yield (
            f"asl, {runtime}, {threads} threads, {count} rows",
            f"{median:.3f} ms",
            f"{count / median:,.0f} rows/ms",
        )
    movement = [chance.random((40, 258), dtype=np.float32)]
    median = Sample("", timed(lambda: words.predict(*word_features(movement)), 50)).median
    yield f"lstm, {runtime}, {threads} threads, 40 frames", f"{median:.3f} ms", ""


def photos() -> list[Sample]:
    """Decoding, and both landmarkers on the same photo."""
    content = photo("nocurl").read_bytes()
    image = decode(content, "photo")
    hands = registry.load_hands(model_folder("hand_landmarker"), Host())
    pose = registry.load_pose(model_folder("pose_landmarker"), Host())
    try:
        return [
            Sample("hand landmarker alone", timed(lambda: hands.find(image))),
            Sample("pose landmarker alone", timed(lambda: pose.find(image))),
            Sample("decoding the JPEG (480 x 640)", timed(lambda: decode(content, "photo"))),
        ]
    finally:
        hands.close()
        pose.close()


def jobs(folder: Path) -> list[Sample]:
    """From a claimed job to the JSON of its outcome."""
    place = Workplace(folder)
    place.install()
    rows = np.random.default_rng(7).random((10_000, 63), dtype=np.float32)
    hands = [
        {"landmarks": [dict(zip("xyz", point, strict=True)) for point in row.reshape(21, 3).tolist()]}
        for row in rows
    ]
    tensor = {"tensor": {"shape": [10_000, 63], "data": base64.b64encode(rows.tobytes()).decode()}}
    picture = {"data": base64.b64encode(photo("nocurl").read_bytes()).decode()}
    asked = {
        "job: one hand": ([hands[0]], {}, 200),
        "job: a photo": ([picture], {}, 100),
        "job: a photo, annotated": ([picture], {"annotate": True}, 50),
        "job: a tensor of 10,000 rows": ([tensor], {}, 20),
        "job: a tensor of 10,000 rows on OpenVINO": ([tensor], {"runtime": "openvino"}, 20),
        "job: 10,000 hands": (hands, {}, 10),
    }
    samples: list[Sample] = []
    for name, (inputs, options, rounds) in asked.items():
        context = asyncio.run(place.context({"model": "asl", "inputs": inputs, "options": options}))
        took = timed(
            lambda context=context: Completed(result=place.handler.run(context)).model_dump_json(), rounds
        )
        samples.append(Sample(name, took))
    place.handler.close()
    return samples


def main() -> None:
    """Print the tables."""
    print_figures(f"Features and network ({machine()})", networks())
    samples = photos()
    print_latencies(f"Photos ({machine()})", samples, [""] * len(samples))
    with tempfile.TemporaryDirectory() as folder:
        samples = jobs(Path(folder))
    print_latencies(f"Jobs inside the worker ({machine()})", samples, [""] * len(samples))


if __name__ == "__main__":
    main()
