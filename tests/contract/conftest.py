"""The adapters of each port, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryWorkerBeacon,
    MemoryWorkerDirectory,
    MemoryWorkers,
)
from shared.adapters.redis_registry import RedisWorkerBeacon, RedisWorkerDirectory
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.ports import ArtifactStore
from tests.support.rigs import Jobs, Registry, memory_jobs, redis_jobs


@pytest.fixture(params=["memory", "redis"])
async def jobs(request: pytest.FixtureRequest) -> AsyncIterator[Jobs]:
    rig = memory_jobs() if request.param == "memory" else redis_jobs(request.getfixturevalue("settings"))
    yield rig
    await rig.front.close()
    rig.workshop.close()


@pytest.fixture(params=["memory", "redis"])
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    if request.param == "memory":
        shared = MemoryWorkers()
        yield Registry(MemoryWorkerDirectory(shared), MemoryWorkerBeacon(shared))
    else:
        settings = request.getfixturevalue("settings")
        directory, beacon = RedisWorkerDirectory(settings), RedisWorkerBeacon(settings)
        yield Registry(directory, beacon)
        await directory.close()
        beacon.close()


@pytest.fixture(params=["memory", "local", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    signer = LinkSigner(SecretStr("a link key"))
    if request.param == "memory":
        return MemoryArtifactStore(signer)
    if request.param == "local":
        return LocalArtifactStore(tmp_path / "artifacts", signer)
    return S3ArtifactStore(request.getfixturevalue("s3_settings"))
