"""Files of models that no installed model has: what killed processes stored, or had unregistered."""

import re
from collections.abc import Callable

import structlog

from shared.ports import ArtifactStore, StoredObject, WorkerBeacon
from workers.installation import versions
from workers.model_right import ModelRight
from workers.model_store import MODELS

_FILE = re.compile(rf"{MODELS}([^/]+)/([^/]+)/[^/]+")

log = structlog.stdlib.get_logger()


def sweep_models(
    artifacts: ArtifactStore, beacon: WorkerBeacon, older_than_s: float, check: Callable[[], None]
) -> tuple[int, int]:
    """Remove those of at least that age: how many, and their bytes. Safe beside installations.

    Who installs looks at all files once more under the right to register, and stores again what is gone by then.
    """
    found = [each for each in _orphans(artifacts, beacon, check) if each.age_s >= older_than_s]
    if not found:
        return 0, 0
    right = ModelRight(beacon)
    count = size = 0
    try:
        for each in found:
            right.take(check)
            if not _is_named(each, _named(beacon)):
                artifacts.delete(each.key)
                count, size = count + 1, size + each.size
    finally:
        right.release()
    log.info("models_swept", files=count, bytes=size)
    return count, size


def _orphans(artifacts: ArtifactStore, beacon: WorkerBeacon, check: Callable[[], None]) -> list[StoredObject]:
    stored: list[StoredObject] = []
    for each in artifacts.listing(MODELS):
        check()
        stored.append(each)
    named = _named(beacon)  # after the listing: what was registered meanwhile is named
    return [each for each in stored if not _is_named(each, named)]


def _named(beacon: WorkerBeacon) -> set[tuple[str, str]]:
    return {(each.name, each.version) for model in beacon.models().values() for each in versions(model)}


def _is_named(file: StoredObject, named: set[tuple[str, str]]) -> bool:
    """Whatever isn't called like a file of a model is somebody else's."""
    match = _FILE.fullmatch(file.key)
    return match is None or (match[1], match[2]) in named
