"""The running system that the benchmarks talk to: fresh, with the models they use installed and warm."""

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from client.local import LocalStack
from client.sdk import Framelane
from shared.specs import ModelDownloadSpec
from shared.states import JobState

LANES = ("cpu", "io")
MODELS = ["asl", "vgt", "lstm", "hand_landmarker", "pose_landmarker", "person-ssdlite", "pose_landmarks"]
SEED = Path(".framelane/bench")


@contextmanager
def data_dir() -> Generator[Path]:
    """A data directory of its own, so that the jobs of earlier runs don't weigh on this one."""
    install_models()
    with tempfile.TemporaryDirectory(prefix="framelane-bench-") as folder:
        yield Path(shutil.copytree(SEED, Path(folder) / "data"))


@contextmanager
def running(lanes: tuple[str, ...] = LANES, settings: Mapping[str, str] | None = None) -> Generator[LocalStack]:
    """A stack on such a directory; ``settings`` as in the environment."""
    environ = {**os.environ, **(settings or {})}
    with data_dir() as folder, LocalStack(folder, lanes=lanes, environ=environ) as stack:
        yield stack


def install_models() -> None:
    """Download the models, once per machine and list of them."""
    done = SEED / "models-installed"
    if done.exists() and done.read_text("utf-8") == " ".join(MODELS):
        return
    shutil.rmtree(SEED, ignore_errors=True)
    with LocalStack(SEED, lanes=LANES) as stack, Framelane(stack.url) as client:
        job = client.submit(ModelDownloadSpec(models=MODELS))
        ended = client.wait(job.id, 600)
    if ended.state is not JobState.COMPLETED:
        msg = f"the models can't be installed: {ended.outcome}"
        raise SystemExit(msg)
    done.write_text(" ".join(MODELS), "utf-8")
