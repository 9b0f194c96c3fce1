"""Files of recorded sessions, which nobody deletes: they go when they are as old as jobs may become."""

from collections.abc import Callable

from shared.ports import ArtifactStore
from shared.sessions import SESSIONS_FOLDER


def sweep_records(artifacts: ArtifactStore, older_than_s: float, check: Callable[[], None]) -> int:
    """How many bytes were removed."""
    freed = 0
    for file in artifacts.listing(SESSIONS_FOLDER):
        check()
        if file.age_s >= older_than_s:
            artifacts.delete(file.key)
            freed += file.size
    return freed
