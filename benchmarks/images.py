"""Photos through a batch job, from POST to the parsed answer, beside a bare loop with the same runtime.

The loop is a process of its own with the thread settings of a worker's thread: one core each. Both take the same
photos by turns, so that what else the machine does weighs on both alike.
"""

import base64
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.stack import SEED, running
from benchmarks.stats import machine, print_figures
from client.demo.photo import hand_photo

PHOTOS = 40
ROUNDS = 7
TARGET = 0.7

COMMON = """
import sys, time
import cv2, numpy
cv2.setNumThreads(1)
photos = [open(name, "rb").read() for name in sys.argv[2:]]
def pixels(content): return cv2.imdecode(numpy.frombuffer(content, numpy.uint8), cv2.IMREAD_COLOR_RGB)
"""

GESTURE = (
    COMMON
    + """
import mediapipe
from mediapipe.tasks.python import vision, BaseOptions
options = vision.HandLandmarkerOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), num_hands=2)
model = vision.HandLandmarker.create_from_options(options)
def look(content): model.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels(content)))
"""
)

DETECTION = (
    COMMON
    + """
import openvino
core = openvino.Core()
network = core.read_model(sys.argv[1])
network.reshape([1, 300, 300, 3])
config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32",
          "ENABLE_CPU_PINNING": False}
request = core.compile_model(network, "CPU", config).create_infer_request()
def look(content): request.infer([cv2.resize(pixels(content), (300, 300))[None]])
"""
)

LOOP = """
for photo in photos: look(photo)
print("ready", flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    for photo in photos: look(photo)
    print(time.perf_counter() - begun, flush=True)
"""

KINDS = {
    "gesture": ("asl", GESTURE, "hand_landmarker.task"),
    "detection": ("person-ssdlite", DETECTION, "frozen_inference_graph.pb"),
}


@contextmanager
def bare(program: str, file: str, photos: list[Path]) -> Generator[Iterator[float]]:
    """Seconds that the loop takes for all photos, each time it is asked."""
    model = next(SEED.rglob(file))
    command = [sys.executable, "-c", program + LOOP, str(model), *map(str, photos)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while process.stdout.readline().strip() != "ready":
            if process.poll() is not None:
                raise SystemExit("the bare loop doesn't run")

        def rounds() -> Iterator[float]:
            while True:
                process.stdin.write("\n")
                process.stdin.flush()
                yield float(process.stdout.readline())

        yield rounds()
        process.stdin.close()


def through_a_job(http: httpx2.Client, model: str, inputs: list[dict[str, str]]) -> tuple[float, float]:
    """Seconds from POST to the parsed answer, and those that the job ran."""
    begun = time.perf_counter()
    spec = {"kind": "inference", "model": model, "inputs": inputs, "options": {"top_k": 1}}
    job = http.post("/api/v1/jobs", json=spec, headers={"Prefer": "wait=60"}).raise_for_status().json()
    took = time.perf_counter() - begun
    if len(job["outcome"]["result"]["predictions"]) != len(inputs):
        raise SystemExit(json.dumps(job)[:2_000])
    return took, job["run_ms"] / 1000


def main() -> None:
    """Print images per second and core, and how they compare."""
    photos = [hand_photo()] * PHOTOS
    inputs = [{"data": base64.b64encode(photo.read_bytes()).decode()} for photo in photos]
    rows: list[tuple[str, str, str]] = []
    with running() as stack, httpx2.Client(base_url=stack.url, timeout=90) as http:
        for kind, (model, program, file) in KINDS.items():
            with bare(program, file, photos) as loop:
                through_a_job(http, model, inputs)
                jobs: list[tuple[float, float]] = []
                alone: list[float] = []
                for _ in range(ROUNDS):
                    alone.append(next(loop))
                    jobs.append(through_a_job(http, model, inputs))
            plain = PHOTOS / statistics.median(alone)
            whole = PHOTOS / statistics.median(took for took, _ in jobs)
            inside = PHOTOS / statistics.median(ran for _, ran in jobs)
            rows += [
                (f"{kind}: bare loop", f"{plain:.1f} images/s", ""),
                (f"{kind}: {PHOTOS} photos in a job", f"{whole:.1f} images/s ({inside:.1f} while it runs)", ""),
                (f"{kind}: job by loop", f"{whole / plain:.2f}", f"{TARGET}"),
            ]
    print_figures(
        f"Photos per second and core, {PHOTOS} a job, median of {ROUNDS} rounds by turns ({machine()})", rows
    )


if __name__ == "__main__":
    main()
