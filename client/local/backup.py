"""Backups of the system that an environment names, or of the one that ``framelane up`` keeps in a folder."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from client.local.embedded import EmbeddedValkey
from client.local.environment import CannotStart, settings_of
from client.local.runfile import DataDirLock
from shared.adapters.backup.shelves import Shelf, shelf_at
from shared.adapters.backup.whole import Restored, back_up, restore
from shared.adapters.build import artifact_store
from shared.adapters.redis_server import UnfitServer
from shared.backup import BackupError, Manifest
from shared.ports import ArtifactStore
from shared.settings import Settings


class Backups:
    """Of the system of these settings; of the embedded one in ``data_dir`` where no store is named."""

    def __init__(self, environ: Mapping[str, str], data_dir: Path) -> None:
        self._environ = environ
        self._data_dir = data_dir

    def make(self, place: str, *, artifacts: bool = True) -> Manifest:
        """``place``: a folder or ``s3://bucket/prefix``. Raises BackupError, CannotStart, Unavailable."""
        with self._settings(new=False) as settings, _shelf(place, settings) as shelf, _files_told():
            return back_up(settings, self._files(settings) if artifacts else None, shelf)

    def bring_back(self, place: str, *, force: bool = False) -> Restored:
        """The same, and UnfitServer becomes CannotStart."""
        with self._settings(new=True) as settings, _shelf(place, settings) as shelf, _files_told():
            try:
                return restore(settings, lambda: self._artifacts(settings), shelf, force=force)
            except UnfitServer as error:
                raise CannotStart(str(error)) from error

    def _files(self, settings: Settings) -> ArtifactStore:
        """Of a system that has been started once: then there is a folder."""
        folder = settings.artifacts.directory
        if settings.artifacts.kind == "local" and not folder.is_dir():
            msg = (
                f"there is no folder {folder} of artifacts: name it with FRAMELANE_ARTIFACTS__DIRECTORY, or their "
                "S3 server with FRAMELANE_ARTIFACTS__KIND=s3; --no-artifacts leaves them out"
            )
            raise CannotStart(msg)
        return self._artifacts(settings)

    @staticmethod
    def _artifacts(settings: Settings) -> ArtifactStore:
        return artifact_store(settings.artifacts)

    @contextmanager
    def _settings(self, *, new: bool) -> Generator[Settings]:
        if self._environ.get("REDIS_URL") or self._environ.get("FRAMELANE_REDIS__URL"):
            yield settings_of(self._environ)
            return
        here = self._data_dir
        if not new and not (here / "valkey").is_dir():
            msg = f"there is no system in {here}: name its folder with --data-dir, or its store with REDIS_URL"
            raise CannotStart(msg)
        here.mkdir(parents=True, exist_ok=True)
        lock = DataDirLock(here)
        lock.take()
        try:
            with EmbeddedValkey(here / "valkey") as valkey:
                own = {"FRAMELANE_ARTIFACTS__DIRECTORY": str(here.resolve() / "artifacts")}
                yield settings_of(own | dict(self._environ) | {"REDIS_URL": valkey.url})
        finally:
            lock.release()


@contextmanager
def _shelf(place: str, settings: Settings) -> Generator[Shelf]:
    shelf = shelf_at(place, settings.artifacts)
    try:
        yield shelf
    finally:
        shelf.close()


@contextmanager
def _files_told() -> Generator[None]:
    """What a disk doesn't do is one sentence too."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{error.filename or 'a file'}: {error.strerror or error}") from error
