"""A model of 500 MB through a download job, beside curl, cp and sha256sum with the same file on the same disk."""

import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.stats import machine, print_figures
from client.local import LocalStack

SIZE = 500_000_000
ROUNDS = 7

_SERVER = """
import http.server, sys

class Files(http.server.SimpleHTTPRequestHandler):
    def copyfile(self, source, output):
        output.flush()
        self.connection.sendfile(source)

    def log_message(self, *words):
        pass

with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def main() -> None:
    """Print the medians and their ratios."""
    chance = random.Random(7)
    seen: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="framelane-bench-") as name:
        folder = Path(name)
        served, target = folder / "served" / "weights.bin", folder / "data" / "plain"
        _make(served)
        with _serving(served.parent) as url, _stack(folder / "data") as stack:
            address = f"{url}/{served.name}"
            works: list[Callable[[str], dict[str, float]]] = [
                lambda _sum: {"curl": _timed("curl", "-s", "-f", "-o", str(target), address)},
                lambda _sum: {"copy": _timed("cp", str(served), str(target))},
                lambda _sum: {"sum": _timed("sha256sum", str(served))},
                lambda digest: _download(stack, address, digest),
            ]
            for number in range(ROUNDS + 1):  # the first warms everything up
                digest = _another(served, number)
                chance.shuffle(works)  # what one leaves to the disk mustn't weigh on the same one each time
                for what, seconds in [each for work in works for each in work(digest).items()]:
                    seen[what] += [seconds] if number else []
    _print({name: statistics.median(values) for name, values in seen.items()})


def _print(took: Mapping[str, float]) -> None:
    plain = took["copy"] + took["sum"]
    print_figures(
        f"A model of {SIZE / 1e6:.0f} MB, medians of {ROUNDS} ({machine()})",
        [
            ("curl to disk", _speed(took["curl"]), ""),
            ("download through the job, without the checksum", _speed(took["fetch"]), ""),
            ("  of curl", f"{took['curl'] / took['fetch']:.2f}", ">= 0.80"),
            ("cp and sha256sum", f"{plain:.2f} s", ""),
            ("installation by the job, checksum and all", f"{took['install']:.2f} s", ""),
            ("  of cp and sha256sum", f"{took['install'] / plain:.2f}", "<= 1.30"),
            ("the whole job, from POST to answer", f"{took['job']:.2f} s", ""),
            ("  of curl, cp and sha256sum together", f"{took['job'] / (took['curl'] + plain):.2f}", ""),
        ],
    )


def _speed(seconds: float) -> str:
    return f"{SIZE / 1e6 / seconds:.0f} MB/s ({seconds:.2f} s)"


def _download(stack: LocalStack, url: str, digest: str) -> dict[str, float]:
    """Seconds of the whole job, of its download, and of the rest: the checksum (taken on the way), the store."""
    files = [{"name": "weights.bin", "sha256": digest, "sources": [{"url": url}]}]
    model = {"name": "large", "category": "detection", "files": files}
    spec = {"kind": "model_download", "source": model, "force": True}
    with httpx2.Client(base_url=stack.url, timeout=120) as http:
        begun = time.perf_counter()
        job = http.post("/api/v1/jobs", json=spec, headers={"Prefer": "wait=60"}).raise_for_status().json()
        took = time.perf_counter() - begun
    if job["state"] != "COMPLETED":
        raise SystemExit(f"the download didn't complete: {job}")
    timings = job["outcome"]["result"]["timings"]
    check, store = timings["check_ms"] / 1000, timings["store_ms"] / 1000
    return {"job": took, "fetch": timings["fetch_ms"] / 1000 - check, "install": check + store}


def _timed(*command: str) -> float:
    target = Path(command[-2] if command[0] == "curl" else command[-1])
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - begun
    if target.name == "plain":
        target.unlink()
    return took


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for _ in range(SIZE // 1_000_000):
            file.write(os.urandom(1_000_000))


def _another(path: Path, number: int) -> str:
    """Another model each time: what is installed already would cost nothing. Its sha256."""
    with path.open("r+b") as file:
        file.write(f"round {number:4d}".encode())
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _serving(folder: Path) -> Generator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


@contextmanager
def _stack(folder: Path) -> Generator[LocalStack]:
    if shutil.which("curl") is None:
        raise SystemExit("curl isn't installed")
    environ = {
        **os.environ,
        "FRAMELANE_SOURCES__PRIVATE_HOSTS": '["127.0.0.1"]',
        "FRAMELANE_MODELS__VERSIONS_KEPT": "0",
    }
    with LocalStack(folder, lanes=("io",), environ=environ) as stack:
        yield stack


if __name__ == "__main__":
    main()
