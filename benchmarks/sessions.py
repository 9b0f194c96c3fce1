"""A live session: a camera at 30 frames a second, 640x480 JPEG, beside the landmarker alone on the same photo.

In each round both are measured, one after the other. From glass to answer: from when the frame is due to be sent
until its answer is read by the same client.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.predict import ALONE
from benchmarks.stack import SEED, running
from benchmarks.stats import Sample, machine, print_figures, print_latencies
from client.demo.photo import hand_photo
from client.local import LocalStack
from client.sdk import Framelane
from client.sdk.sessions import LiveSession
from shared.sessions import DroppedFrame, FrameResult

ROUNDS = 3
SECONDS = 10
FPS = 30
WARM_UP = 30
SLACK_MS = 20
MODEL = "vgt"


@dataclass
class Camera:
    """Sends frames when they are due; another thread reads answers. Times are of ``perf_counter``."""

    live: LiveSession
    photo: bytes
    due: dict[int, float] = field(default_factory=dict[int, float])
    took_ms: list[float] = field(default_factory=list[float])
    wait_ms: list[float] = field(default_factory=list[float])
    dropped: int = 0
    other: int = 0

    def run(self, frames: int) -> None:
        reading = threading.Thread(target=self._read, args=(frames,))
        reading.start()
        begun = time.perf_counter()
        for number in range(frames):
            self.due[number] = begun + number / FPS
            time.sleep(max(0.0, self.due[number] - time.perf_counter()))
            self.live.send(self.photo, frame=number)
        reading.join()

    def _read(self, frames: int) -> None:
        for _ in range(frames):
            told = self.live.receive(20)
            now = time.perf_counter()
            if isinstance(told, FrameResult) and isinstance(told.frame, int):
                self.took_ms.append((now - self.due[told.frame]) * 1000)
                self.wait_ms.append(told.timings.wait_ms)
            elif isinstance(told, DroppedFrame):
                self.dropped += 1
            else:
                self.other += 1


def landmarker_alone(photo: Path, frames: int) -> list[float]:
    """Milliseconds of decoding and landmarks, in a fresh process, one frame after the other."""
    model = next(SEED.rglob("hand_landmarker.task"))
    command = [sys.executable, "-c", ALONE, str(model), str(photo), str(WARM_UP + frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])[WARM_UP:]


def cpu_s(stack: LocalStack) -> float:
    """Processor time of all its processes so far."""
    found = [psutil.Process(pid) for pid in stack.pids().values()]
    everyone = {each.pid: each for one in found for each in (one, *one.children(recursive=True))}
    return sum(sum(each.cpu_times()[:2]) for each in everyone.values())


def main() -> None:
    """Print both tables."""
    photo = hand_photo()
    alone: list[float] = []
    cameras: list[Camera] = []
    spent: list[float] = []
    with running(("cpu",)) as stack, Framelane(stack.url) as client:
        with client.session(MODEL) as live:
            Camera(live, photo.read_bytes()).run(WARM_UP)
        for _ in range(ROUNDS):
            alone += landmarker_alone(photo, FPS * SECONDS)
            with client.session(MODEL) as live:
                cameras.append(Camera(live, photo.read_bytes()))
                before = cpu_s(stack)
                cameras[-1].run(FPS * SECONDS)
                spent.append((cpu_s(stack) - before) * 1000 / (FPS * SECONDS))
    first = Sample("decode and landmarker alone", alone)
    answers = Sample("glass to answer, 30 fps", [ms for each in cameras for ms in each.took_ms])
    waits = Sample("of that, before the worker began", [ms for each in cameras for ms in each.wait_ms])
    limit = f"p95 first + {SLACK_MS} = {first.percentile(95) + SLACK_MS:.1f}"
    print_latencies(f"Live session, 640x480 JPEG ({machine()})", [first, answers, waits], ["", limit, ""])
    could = 1000 / statistics.mean(alone)
    print_figures(
        f"{ROUNDS} rounds of {SECONDS} s",
        [
            ("frames a second of the landmarker alone", f"{could:.0f}", f"{FPS} or the next line is void"),
            ("dropped", f"{[each.dropped for each in cameras]} of {FPS * SECONDS}", "0"),
            ("neither answered nor dropped", f"{[each.other for each in cameras]}", "0"),
            ("CPU ms a frame, gateway, store and worker", f"{statistics.median(spent):.1f}", ""),
        ],
    )


if __name__ == "__main__":
    main()
