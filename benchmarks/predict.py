"""A synchronous gesture answer through queue and worker, for landmarks and for a photo.

The photo's row stands beside the landmarker alone on the same photo, in a process of its own with the same
thread settings, and the landmarks' row beside an empty request to the same gateway.
"""

import json
import subprocess
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.stack import SEED, running
from benchmarks.stats import Sample, machine, print_latencies
from benchmarks.submit_to_start import LANDMARKS
from client.demo.photo import hand_photo

ROUNDS = 200
WARM_UP = 20

ALONE = """
import json, sys, time
import cv2, mediapipe, numpy
from mediapipe.tasks.python import vision, BaseOptions
options = vision.HandLandmarkerOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), num_hands=2)
with vision.HandLandmarker.create_from_options(options) as landmarker:
    content = open(sys.argv[2], "rb").read()
    took = []
    for number in range(int(sys.argv[3])):
        begun = time.perf_counter()
        pixels = cv2.imdecode(numpy.frombuffer(content, numpy.uint8), cv2.IMREAD_COLOR_RGB)
        landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
        took.append((time.perf_counter() - begun) * 1000)
print(json.dumps(took))
"""


def landmarker_alone(photo: Path) -> list[float]:
    """Milliseconds of decoding and landmarks of one photo, in a fresh process."""
    model = next(SEED.rglob("hand_landmarker.task"))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(model), str(photo), str(WARM_UP + ROUNDS)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])[WARM_UP:]


class LeanClient:
    """One kept connection of the standard library: a client that costs little of what it measures."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(url.removeprefix("http://"))

    def timed(
        self, method: str, path: str, body: bytes = b"", media_type: str = "", expected: int = HTTPStatus.OK
    ) -> list[float]:
        """Milliseconds of each request, warm-up left out."""
        took: list[float] = []
        for number in range(WARM_UP + ROUNDS):
            begun = time.perf_counter()
            self._connection.request(method, path, body, {"Content-Type": media_type} if media_type else {})
            answer = self._connection.getresponse()
            said = answer.read()
            if answer.status != expected:
                raise SystemExit(said.decode())
            if number >= WARM_UP:
                took.append((time.perf_counter() - begun) * 1000)
        return took


def multipart(name: str, content: bytes) -> tuple[bytes, str]:
    """A form with one photo, and its media type."""
    edge = "framelane-benchmark"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="hand.jpg"\r\n'
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + content + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"


def main() -> None:
    """Print both tables."""
    photo = hand_photo()
    content = photo.read_bytes()
    path = "/api/v1/gestures/asl/predict"
    with running() as stack:
        client = LeanClient(stack.url)
        nothing = client.timed("GET", "/health/live")
        points = client.timed("POST", path, json.dumps({"landmarks": LANDMARKS}).encode(), "application/json")
        pictures = client.timed("POST", path, *multipart("image", content))
        alone = landmarker_alone(photo)
    print_latencies(
        f"Gesture from landmarks, one client ({machine()})",
        [Sample("GET /health/live", nothing), Sample("POST /gestures/asl/predict", points)],
        ["", "p50 8"],
    )
    first = Sample("decode and landmarker alone", alone)
    print_latencies(
        f"Gesture from a 640x480 photo, one client ({machine()})",
        [first, Sample("POST /gestures/asl/predict", pictures)],
        ["", f"p50 first + 12 = {first.median + 12:.1f}"],
    )


if __name__ == "__main__":
    main()
