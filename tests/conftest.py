"""What tests of every room may use. Servers start once per test process, when a test first asks for them."""

import uuid
from collections.abc import Iterator

import pytest

from client.local.embedded import EmbeddedValkey
from shared.settings import ArtifactSettings, RedisSettings, Settings
from tests.support.servers import S3Server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A real server. Tests that stop, freeze or fill one make their own."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def settings(valkey: EmbeddedValkey) -> Settings:
    """Settings of a system of the test's own on the shared server, which may be slow beside other tests."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    return Settings(REDIS_URL=valkey.url, redis=RedisSettings(prefix=prefix, answer_s=5, connect_timeout_s=5))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server that checks signatures."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def s3_settings(s3_server: S3Server) -> ArtifactSettings:
    """Settings of a bucket of the test's own; nobody has made it yet."""
    return s3_server.settings(f"test-{uuid.uuid4().hex[:12]}")
