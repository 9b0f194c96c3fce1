"""What tests of every room may use. Servers start once per test process, when a test first asks for them."""

import signal
import uuid
from collections.abc import Iterator

import hypothesis
import pytest

from client.local.embedded import EmbeddedValkey
from shared.settings import ArtifactSettings, RedisSettings, Settings
from tests.support.servers import S3Server

# A shell without job control, as scripts run in, starts what it puts in the background deaf to Ctrl-C; our workers
# respect that, as nohup's wish. Programs that tests start shall hear.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine breaks no law. All else is as the environment has it: in CI Hypothesis chooses a profile by itself.
hypothesis.settings.register_profile(
    "any machine", hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
)
hypothesis.settings.load_profile("any machine")

LONG_FIRST = (
    "tests/faults/test_short.py",
    "tests/faults/test_short_others.py",
    "tests/integration/workers/test_forms.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_readme.py",
    # Quick ones: a process takes its second file before it begins with a first one of a single test.
    "tests/faults/test_ledger.py",
    "tests/architecture/test_names.py",
    "tests/architecture/test_gateway_is_light.py",
    "tests/e2e",
    "tests/integration/workers/test_warden.py",
    "tests/integration/workers/test_devices.py",
    "tests/integration/workers/test_measurements.py",
    "tests/integration",
    "tests/architecture",
    "tests/contract",
)
"""Files are given to processes in this order, so that at the end no process waits for another's long one.

The first ones mostly wait, and leave the processor to whole systems that start beside them.
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ranks = {config.rootpath / name: rank for rank, name in enumerate(LONG_FIRST)}

    def rank(item: pytest.Item) -> int:
        return min(
            (ranks[folder] for folder in (item.path, *item.path.parents) if folder in ranks), default=len(ranks)
        )

    items.sort(key=rank)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A real server. Tests that stop, freeze or fill one make their own."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def settings(valkey: EmbeddedValkey) -> Settings:
    """Settings of a system of the test's own on the shared server."""
    return _own_settings(valkey)


@pytest.fixture(scope="module")
def module_settings(valkey: EmbeddedValkey) -> Settings:
    """The same of a system for all tests of a file, which leave nothing there that another would trip over."""
    return _own_settings(valkey)


def _own_settings(valkey: EmbeddedValkey) -> Settings:
    """Patient: the server may be slow beside other tests."""
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
