"""A backup from the first to the last step, and the way back."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version

from redis.exceptions import ResponseError

from shared.adapters.backup.entries import Entry, read, written
from shared.adapters.backup.families import Family
from shared.adapters.backup.files import END, Copied, copy_in, copy_out
from shared.adapters.backup.filling import StoreFiller
from shared.adapters.backup.parts import Parts
from shared.adapters.backup.reading import StoreReader
from shared.adapters.backup.shelves import Shelf, check_parts
from shared.adapters.redis_jobs.codec import FORMATS
from shared.adapters.redis_server import check_servers
from shared.backup import MANIFEST, BackupError, Manifest, read_manifest
from shared.ports import ArtifactStore
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; ``files``: of those that weren't there already."""

    manifest: Manifest
    files: int


def back_up(settings: Settings, artifacts: ArtifactStore | None, shelf: Shelf) -> Manifest:
    """Copy the store, then the files that its records may name; ``artifacts`` None: without these.

    Others may work meanwhile. Raises BackupRefused, StoreUnavailable, OutOfSpace, OSError: then there is no
    backup, only parts without a manifest.
    """
    shelf.ready()
    began = datetime.now(UTC)
    with _told(), closing(StoreReader(settings)) as reader, Parts(shelf, "store", ".msgpack") as parts:
        server = reader.server()
        jobs, others = _copy_store(reader.entries(), parts)
    copied: Copied | None = None
    with Parts(shelf, "artifacts", ".tar", end=END) as files:
        if artifacts is not None:
            copied = copy_out(artifacts, files)
    manifest = Manifest(
        version=version("framelane"),
        server=server,
        prefix=settings.redis.prefix,
        began_at=began,
        ended_at=datetime.now(UTC),
        formats={str(kind): number for kind, number in FORMATS.items()},
        jobs=dict(jobs),
        others=others,
        files=copied.files if copied else None,
        file_bytes=copied.bytes if copied else None,
        damaged=copied.damaged if copied else [],
        parts=[*parts.done, *files.done],
    )
    content = manifest.model_dump_json(indent=2).encode()
    with shelf.draft(MANIFEST) as file:
        file.write(content)
    shelf.keep(MANIFEST, sha256(content).hexdigest())
    return manifest


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except ResponseError as error:
        raise BackupError(f"the store refuses: {error}") from error


def _copy_store(entries: Iterator[Entry], parts: Parts) -> tuple[Counter[str], int]:
    jobs: Counter[str] = Counter()
    others = 0
    for entry in entries:
        with parts.entry() as write:
            write(written(entry))
        if entry.family is Family.JOB:
            state = entry.about[0]
            jobs[state.decode() if isinstance(state, bytes) else str(state)] += 1
        else:
            others += 1
    return jobs, others


def restore(
    settings: Settings,
    artifacts: Callable[[], ArtifactStore],
    shelf: Shelf,
    *,
    force: bool = False,
) -> Restored:
    """Bring all of it back. Before anything is changed it is sure that nothing in the backup is damaged.

    Raises BackupDamaged, BackupNewer, RestoreRefused, UnfitServer, StoreUnavailable, OutOfSpace, OSError.
    """
    manifest = read_manifest(b"".join(shelf.read(MANIFEST)), FORMATS)
    check_parts(shelf, manifest)
    check_servers(settings, to_restore=True)
    with _told(), closing(StoreFiller(settings)) as filler:
        filler.check(force=force)
        if first := next(_entries(shelf, manifest), None):
            filler.try_out(first)
        filler.begin(manifest)
        files = _files(shelf, manifest, artifacts)  # first: no record shall name one that isn't there yet
        filler.put(_entries(shelf, manifest), manifest.prefix)
        filler.end()
    return Restored(manifest, files)


def _entries(shelf: Shelf, manifest: Manifest) -> Iterator[Entry]:
    for part in manifest.parts:
        if part.kind == "store":
            yield from read(shelf.read(part.name))


def _files(shelf: Shelf, manifest: Manifest, artifacts: Callable[[], ArtifactStore]) -> int:
    kept = [part.name for part in manifest.parts if part.kind == "artifacts"]
    if not kept:
        return 0
    store = artifacts()
    store.ping()
    return sum(copy_in(shelf.read(name), store) for name in kept)
