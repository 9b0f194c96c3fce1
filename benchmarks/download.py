"""A model of 500 MB through a download job, beside curl, cp and sha256sum with the same file on the same disk."""

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.stats import machine, print_figures
from client.local import LocalStack

SIZE = 500_000_000
ROUNDS = 5

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
    curl, copy, summed, job, fetch, install = columns = [list[float]() for _ in range(6)]
    with tempfile.TemporaryDirectory(prefix="framelane-bench-") as name:
        folder = Path(name)
        served = folder / "served" / "weights.bin"
        _make(served)
        with _serving(folder / "served") as url, _stack(folder / "data") as stack:
            target = folder / "data" / "plain"
            for number in range(-1, ROUNDS):
                digest = _another(served, number)
                took = (
                    _timed(lambda: _run("curl", "-s", "-f", "-o", str(target), f"{url}/weights.bin")),
                    _timed(lambda: _run("cp", str(target), str(target.with_suffix(".copy")))),
                    _timed(lambda: _run("sha256sum", str(target))),
                    *_download(stack, f"{url}/weights.bin", digest),
                )
                for path in (target, target.with_suffix(".copy")):
                    path.unlink()
                for values, value in zip(columns, took if number >= 0 else (), strict=number >= 0):
                    values.append(value)  # the first round warms everything up
    _print(*(statistics.median(values) for values in (curl, copy, summed, job, fetch, install)))


def _print(curl: float, copy: float, summed: float, job: float, fetch: float, install: float) -> None:
    print_figures(
        f"A model of {SIZE / 1e6:.0f} MB, medians of {ROUNDS} ({machine()})",
        [
            ("curl to disk", _speed(curl), ""),
            ("download through the job, without the checksum", _speed(fetch), ""),
            ("  of curl", f"{curl / fetch:.2f}", ">= 0.80"),
            ("cp and sha256sum", f"{copy + summed:.2f} s", ""),
            ("installation by the job, checksum and all", f"{install:.2f} s", ""),
            ("  of cp and sha256sum", f"{install / (copy + summed):.2f}", "<= 1.30"),
            ("the whole job, from POST to answer", f"{job:.2f} s", ""),
            ("  of curl, cp and sha256sum together", f"{job / (curl + copy + summed):.2f}", ""),
        ],
    )


def _speed(seconds: float) -> str:
    return f"{SIZE / 1e6 / seconds:.0f} MB/s ({seconds:.2f} s)"


def _download(stack: LocalStack, url: str, digest: str) -> tuple[float, float, float]:
    """Seconds of the whole job, of its download, and of the rest: the checksum (taken on the way), the store."""
    files = [{"name": "weights.bin", "sha256": digest, "sources": [{"url": url}]}]
    model = {"name": "large", "category": "detection", "files": files}
    spec = {"kind": "model_download", "source": model, "force": True}
    with httpx2.Client(base_url=stack.url, timeout=120) as http:
        os.sync()
        begun = time.perf_counter()
        job = http.post("/api/v1/jobs", json=spec, headers={"Prefer": "wait=60"}).raise_for_status().json()
        took = time.perf_counter() - begun
    if job["state"] != "COMPLETED":
        raise SystemExit(f"the download didn't complete: {job}")
    timings = job["outcome"]["result"]["timings"]
    check, store = timings["check_ms"] / 1000, timings["store_ms"] / 1000
    return took, timings["fetch_ms"] / 1000 - check, check + store


def _timed(work: Callable[[], object]) -> float:
    os.sync()  # what others wrote before isn't this one's to wait for
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


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
