"""Objects of a real S3 server as sources."""

import pytest
from pydantic import SecretStr

from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import SourceUnavailable, WorkerLeaves
from shared.sources import S3Source
from tests.support.hubs import Readings, tools
from workers.hubs.s3 import S3Hub

pytestmark = pytest.mark.service

CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
def hub(s3_settings, tmp_path):
    """Of a bucket with one object."""

    def make(**changes):
        known = {
            "private_hosts": [],
            "s3_endpoint": s3_settings.endpoint,
            "s3_secure": False,
            "s3_access_key": s3_settings.access_key,
            "s3_secret_key": s3_settings.secret_key,
        }
        return S3Hub(tools(tmp_path, **{**known, **changes}))

    S3ArtifactStore(s3_settings).put_bytes("detectors/a-b.onnx", CONTENT, "application/octet-stream")
    return make


def source(settings, key="detectors/a-b.onnx"):
    return S3Source(s3=f"{settings.bucket}/{key}")


def test_an_object_is_a_file_and_its_signature_is_told_nobody(hub, s3_settings, tmp_path):
    readings = Readings()
    origin = hub().fetch(source(s3_settings), tmp_path / "m", readings)
    assert origin.name == f"s3://{s3_settings.bucket}/detectors/a-b.onnx"
    assert (tmp_path / "m").read_bytes() == CONTENT
    assert readings.seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_later_attempt_goes_on_although_its_link_is_another(hub, s3_settings, tmp_path):
    class Leave(Readings):
        def transferred(self, done, total):
            super().transferred(done, total)
            if done > len(CONTENT) // 3:
                raise WorkerLeaves

    leaving, readings = Leave(), Readings()
    with pytest.raises(WorkerLeaves):
        hub().fetch(source(s3_settings), tmp_path / "m", leaving)
    assert hub().fetch(source(s3_settings), tmp_path / "m", readings).resumed
    assert readings.seen[0] == leaving.seen[-1]
    assert (tmp_path / "m").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("key", "changes", "status"),
    [
        ("none.onnx", {}, 404),
        ("detectors/a-b.onnx", {"s3_secret_key": SecretStr("another-secret")}, 403),
        ("detectors/a-b.onnx", {"s3_access_key": ""}, 403),
    ],
)
def test_what_the_server_refuses_is_told_without_the_signature(hub, s3_settings, tmp_path, key, changes, status):
    with pytest.raises(SourceUnavailable, match=f"/{key}: {status}") as caught:
        hub(**changes).fetch(source(s3_settings, key), tmp_path / "m", Readings())
    assert "X-Amz" not in caught.value.detail
