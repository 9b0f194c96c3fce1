"""A whole system whose Redis is reached over TLS alone, by those who show a certificate."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from client.local.embedded import EmbeddedValkey
from client.local.environment import CannotStart, settings_of
from client.sdk import Framelane
from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.events import StateChanged
from shared.inputs import LandmarksInput, Point
from shared.specs import InferenceSpec
from shared.states import JobState
from tests.support.gateway import HAND
from tests.support.https import have_openssl, make_certificate
from tests.support.models import install_into
from tests.support.secured import tls_before
from tests.support.stacks import own_environ, stack_on

pytestmark = [
    pytest.mark.service,
    pytest.mark.models,
    pytest.mark.skipif(not have_openssl(), reason="openssl isn't installed, so no certificate can be made"),
]


def test_a_system_over_tls(valkey: EmbeddedValkey, tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    data = tmp_path / "data"
    with tls_before(valkey.port, certificate, key) as port:
        environ = own_environ() | {
            "REDIS_URL": f"rediss://127.0.0.1:{port}/0",
            "FRAMELANE_REDIS__PREFIX": f"test-{tmp_path.name}",
            "FRAMELANE_REDIS__CA": str(certificate),
            "FRAMELANE_REDIS__CERT": str(certificate),
            "FRAMELANE_REDIS__KEY": str(key),
        }
        with pytest.raises(CannotStart, match=r"REDIS_URL: no Redis answers at rediss://.*certificate"):
            stack_on(data, environ=environ | {"FRAMELANE_REDIS__CA": str(make_certificate(tmp_path)[0])}).start()

        with stack_on(data, lanes=("cpu",), environ=environ) as stack, Framelane(stack.url) as client:
            beacon = RedisWorkerBeacon(settings_of(environ))
            install_into(LocalArtifactStore(data / "artifacts", LinkSigner(SecretStr("key"))), beacon, ["vgt"])
            beacon.close()
            points = [Point.model_validate(each) for each in HAND]
            job = client.submit(InferenceSpec(model="vgt", inputs=[LandmarksInput(landmarks=points)]))
            told = [news.state for news in client.follow(job.id, after_seq=0) if isinstance(news, StateChanged)]
            assert told == [JobState.PENDING, JobState.RUNNING, JobState.COMPLETED]
            assert client.predict("vgt", landmarks=points).job_id
            assert [worker.lane for worker in client.workers()] == ["cpu"]
            client.delete(job.id)
