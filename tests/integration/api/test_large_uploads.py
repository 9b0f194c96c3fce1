"""However large a file is, the gateway holds a few parts of it at most."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.redis_uploads import RedisUploadStore
from shared.settings import Settings
from tests.support.gateway import worker
from tests.support.gateway_process import gateway_process

pytestmark = pytest.mark.service

MIB = 1024 * 1024
SIZE = 160 * MIB
GROWTH = 64 * MIB
CHUNK = bytes(range(256)) * 4096
BOUNDARY = b"frontier"


def film() -> Iterator[bytes]:
    for _ in range(SIZE // len(CHUNK)):
        yield CHUNK


def form() -> Iterator[bytes]:
    yield b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n\r\n'
    yield from film()
    yield b"\r\n--" + BOUNDARY + b"--\r\n"


def peak_bytes(pid: int) -> int:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("way", ["resumable", "multipart"])
def test_memory_stays_where_it_was(way: str, settings: Settings, tmp_path: Path) -> None:
    beacon, uploads = RedisWorkerBeacon(settings), RedisUploadStore(settings)
    beacon.announce(worker("io"), 60)
    with gateway_process(settings, tmp_path) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/api/v1"
        httpx2.get(f"{url}/videos").raise_for_status()
        before = peak_bytes(gateway.process.pid)
        if way == "resumable":
            begun = httpx2.post(f"{url}/uploads", headers={"Upload-Length": str(SIZE)})
            headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            answer = httpx2.patch(begun.headers["Location"], headers=headers, content=film(), timeout=60)
            assert answer.status_code == 204, answer.text
        else:
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
            answer = httpx2.post(f"{url}/videos", headers=headers, content=form(), timeout=60)
            assert answer.status_code == 202, answer.text
        grown = peak_bytes(gateway.process.pid) - before
    (upload_id,) = uploads.idle(0)
    upload = uploads.get(upload_id)
    assert upload.offset == SIZE
    assert upload.complete
    if way == "multipart":
        digest = hashlib.sha256()
        for chunk in film():
            digest.update(chunk)
        assert upload.sha256 == digest.hexdigest()
    assert grown < GROWTH
    beacon.close()
    uploads.close()
