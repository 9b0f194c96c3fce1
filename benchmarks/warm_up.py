"""A second worker that wants a model: from the store to its own disk, checked, beside cp and sha256sum."""

import hashlib
import logging
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import SecretStr

from benchmarks.stats import machine, print_figures
from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.memory import MemoryWorkerBeacon, MemoryWorkers
from workers.installation import Installation, stage
from workers.model_store import ModelStore

SIZE = 500_000_000
ROUNDS = 5


def main() -> None:
    """Print the medians and their ratios."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="framelane-bench-") as name:
        folder = Path(name)
        artifacts = LocalArtifactStore(folder / "artifacts", LinkSigner(SecretStr("bench")))
        beacon = MemoryWorkerBeacon(MemoryWorkers())
        source = _installed(folder / "staged", artifacts, beacon)
        # The first round warms everything up.
        rounds = [_round(source, folder / f"worker{number}", artifacts, beacon) for number in range(ROUNDS + 1)][
            1:
        ]
    _print(*(statistics.median(values) for values in zip(*rounds, strict=True)))


def _round(source: Path, data: Path, artifacts: LocalArtifactStore, beacon: MemoryWorkerBeacon) -> list[float]:
    first, second = (ModelStore(data, artifacts, beacon) for _ in range(2))
    took = [
        _timed(lambda: _copy_and_sum(source)),
        _timed(lambda: first.ensure("large")),
        _timed(lambda: second.ensure("large")),
        _timed(lambda: second.ensure("large")),
    ]
    shutil.rmtree(data)
    return took


def _print(copied: float, fetched: float, checked: float, held: float) -> None:
    print_figures(
        f"A model of {SIZE / 1e6:.0f} MB that is installed, medians of {ROUNDS} ({machine()})",
        [
            ("cp, sync and sha256sum", f"{copied:.2f} s", ""),
            ("a second machine: fetched from the store and checked", f"{fetched:.2f} s", ""),
            ("  of cp, sync and sha256sum", f"{fetched / copied:.2f}", "<= 1.30"),
            ("a second process of that machine: checked", f"{checked:.2f} s", ""),
            ("the same process again", f"{held * 1e6:.0f} us", ""),
        ],
    )


def _installed(folder: Path, artifacts: LocalArtifactStore, beacon: MemoryWorkerBeacon) -> Path:
    folder.mkdir()
    path = folder / "weights.bin"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(SIZE // 1_000_000):
            piece = os.urandom(1_000_000)
            digest.update(piece)
            file.write(piece)
    staged = stage("large", folder, "bench", lambda: None, known={path.name: digest.hexdigest()})
    with Installation(artifacts, beacon) as installation:
        installation.upload(staged, lambda: None)
        installation.register(lambda: None)
    return path


def _copy_and_sum(path: Path) -> None:
    copy = path.with_suffix(".copy")
    # With the sync, as what is fetched is on the disk before it is used.
    subprocess.run(["cp", str(path), str(copy)], check=True)
    subprocess.run(["sync", str(copy)], check=True)
    subprocess.run(["sha256sum", str(copy)], check=True, stdout=subprocess.DEVNULL)
    copy.unlink()


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
