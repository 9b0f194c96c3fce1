"""A large file on its way in: to the gateway, and from there into the library, against a copy on the same disk."""

import hashlib
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import httpx2
import numpy as np

from benchmarks.stack import running
from benchmarks.stats import machine, print_figures
from client.sdk import Framelane
from shared.jobs import Completed

MIB = 1024 * 1024
ROUNDS = 3
SIZE = 256 * MIB


def main() -> None:
    """Print MiB per second of each way in, and of the job that makes a medium of it."""
    rows: list[tuple[str, str, str]] = []
    with running() as stack, Framelane(stack.url) as client:
        film = _film(stack.data_dir / "film.avi")
        size = film.stat().st_size / MIB

        def told(name: str, seconds: float, target: str = "") -> None:
            rows.append((f"MiB/s, {name}", f"{size / seconds:,.0f} ({seconds:.2f} s)", target))

        plain = _median(lambda: _copied(film))
        told(f"copy and sha256 of {size:,.0f} MiB", plain)
        told("resumable, in steps of 8 MiB (reads the file twice)", _median(lambda: _resumable(client, film)))
        told("multipart, in one go", _median(lambda: _multipart(stack.url, film)))
        took = _median(lambda: _added(client, film))
        told("the job: put together, looked into, stored", took, f"{took / plain:.2f} x the copy")
    print_figures(f"An upload ({machine()})", rows)


def _film(path: Path) -> Path:
    """Motion JPEG of noise: large without taking long to make."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (1280, 720))
    frames = [np.random.default_rng(seed).integers(0, 255, (720, 1280, 3), np.uint8) for seed in range(4)]
    count = 0
    while count % 16 or path.stat().st_size < SIZE:
        writer.write(frames[count % 4])
        count += 1
    writer.release()
    return path


def _copied(film: Path) -> None:
    copy = film.with_suffix(".copy")
    shutil.copyfile(film, copy)
    with copy.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    copy.unlink()


def _resumable(client: Framelane, film: Path) -> None:
    upload = client.upload(film)
    httpx2.delete(f"{client.url}/api/v1/uploads/{upload.id}").raise_for_status()


def _multipart(url: str, film: Path) -> float:
    """Seconds until the answer; the job is cancelled."""
    with film.open("rb") as file:
        begun = time.perf_counter()
        answer = httpx2.post(
            f"{url}/api/v1/videos", files={"file": (film.name, file)}, timeout=300
        ).raise_for_status()
        took = time.perf_counter() - begun
    job = f"{url}/api/v1/jobs/{answer.json()['id']}"
    httpx2.post(f"{job}/cancel")
    httpx2.get(f"{job}?wait=30", timeout=60).raise_for_status()
    return took


def _added(client: Framelane, film: Path) -> float:
    """Seconds that the job ran."""
    ended = client.wait(client.upload_medium(film, name="film").id, 300)
    if not isinstance(ended.outcome, Completed) or ended.run_ms is None:
        msg = f"the upload failed: {ended.outcome}"
        raise SystemExit(msg)
    client.delete_medium("videos", "film")
    return ended.run_ms / 1000


def _median(work: Callable[[], float | None]) -> float:
    took: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        said = work()
        took.append(time.perf_counter() - begun if said is None else said)
    return statistics.median(took)


if __name__ == "__main__":
    main()
