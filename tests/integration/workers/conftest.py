import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from shared.settings import Settings
from tests.support.https import have_openssl, https_server
from tests.support.processes import LIMIT_S, System

CONTENT = bytes(range(256)) * 4_000


class Gate:
    """A file on an https server that answers with its first half, then waits until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        half = len(CONTENT) // 2
        try:
            request.wfile.write(CONTENT[:half])
            self.entered.release()
            self.opened.wait(LIMIT_S)
            request.wfile.write(CONTENT[half:])
        except OSError:
            """Whoever asked is gone."""

    def wait_entered(self) -> None:
        assert self.entered.acquire(timeout=LIMIT_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


@pytest.fixture
def system(settings: Settings, gate: Gate, tmp_path: Path, monkeypatch) -> Iterator[System]:
    """No worker yet; model ``gated`` comes through the gate."""
    yield from gated_system(settings, gate, tmp_path, monkeypatch)


def gated_system(settings: Settings, gate: Gate, folder: Path, monkeypatch) -> Iterator[System]:
    if not have_openssl():
        pytest.skip("openssl isn't installed, so no certificate can be made")
    with https_server(folder, {"/gated.bin": gate}) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        catalogue = folder / "catalogue.yaml"
        catalogue.write_text(yaml.safe_dump([_entry("gated", f"{server.url}/gated.bin")]))
        made = System(settings, folder, catalogue)
        yield made
        made.close()
        gate.opened.set()


def _entry(name: str, url: str) -> dict[str, object]:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return {
        "name": name,
        "display_name": name,
        "category": "gesture",
        "licence": "MIT",
        "architecture": "alphabet_mlp",
        "accepts": ["landmarks"],
        "runtimes": ["torch"],
        "files": [{"name": "gated.bin", "sha256": digest, "sources": [{"url": url}]}],
    }
