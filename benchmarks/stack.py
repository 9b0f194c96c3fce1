"""The running system that the benchmarks talk to, with the gesture models installed."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from client.sdk import Framelane

from client.local import LocalStack
from shared.specs import ModelDownloadSpec

DATA_DIR = Path(".framelane/bench")
MODELS = ["asl", "vgt", "lstm", "hand_landmarker", "pose_landmarker"]


@contextmanager
def running(lanes: tuple[str, ...] = ("cpu", "io")) -> Generator[LocalStack]:
    """A stack of its own data folder; models are downloaded the first time."""
    with LocalStack(DATA_DIR, lanes=lanes) as stack:
        with Framelane(stack.url) as client:
            done = client.submit(ModelDownloadSpec(models=MODELS), wait=60)
            while not done.terminal:
                done = client.get(done.id, wait=60)
            if done.state != "COMPLETED":
                msg = f"the models can't be installed: {done.outcome}"
                raise SystemExit(msg)
        yield stack
