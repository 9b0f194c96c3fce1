"""Whole systems for tests, with real models that were downloaded once per machine."""

import hashlib
import os
import shutil
from pathlib import Path

from client.local import LocalStack
from client.sdk import Framelane
from shared.specs import ModelDownloadSpec
from shared.states import JobState
from tests.support.models import CORE, ROOT, cache_folder, once

LANES = ("cpu", "io")
_DECIDES = (
    "shared/library/models.yaml",
    "shared/results.py",
    "shared/adapters/*.py",
    "workers/conversion.py",
    "workers/installation.py",
    "workers/runtimes/*.py",
)
"""What decides how installed models lie in a data directory."""


def own_environ() -> dict[str, str]:
    """This process's environment without settings of ours: a stack of a test's own takes none from outside."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FRAMELANE_", "REDIS_", "AWS_", "CELERY_", "FLOWER_"))
    }


def stack_on(data_dir: Path, **options: object) -> LocalStack:
    """Not started yet."""
    return LocalStack(data_dir, **{"lanes": LANES, "environ": own_environ(), **options})


def data_dir_with_models(target: Path) -> Path:
    """A data directory in which the models most tests need were installed by a job of a stack that has stopped."""
    seed = once(cache_folder(), f"data-dir-{_digest()}", _install_by_a_job)
    return shutil.copytree(seed, target)


def _install_by_a_job(folder: Path) -> None:
    with stack_on(folder) as stack, Framelane(stack.url) as client:
        job = client.submit(ModelDownloadSpec(models=list(CORE)))
        done = client.wait(job.id, 600)
        assert done.state is JobState.COMPLETED, done.outcome


def _digest() -> str:
    files = sorted(path for pattern in _DECIDES for path in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
