"""A download is whole, or it isn't there."""

import hashlib
from pathlib import Path

import pytest

from client.sdk.saving import DownloadBroken, Saving
from shared.jobs import ArtifactRef

CONTENT = b"drawn"


def artifact(content: bytes = CONTENT) -> ArtifactRef:
    digest = hashlib.sha256(content).hexdigest()
    return ArtifactRef(name="annotated-0.jpg", media_type="image/jpeg", size=len(content), sha256=digest)


def test_two_that_save_the_same_at_once_are_both_whole(tmp_path: Path):
    with Saving(artifact(), tmp_path) as one:
        one.write(CONTENT[:2])
        with Saving(artifact(), tmp_path) as other:
            other.write(CONTENT)
        assert other.path.read_bytes() == CONTENT
        one.write(CONTENT[2:])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [CONTENT]


def test_nothing_stays_of_another_content_or_a_broken_one(tmp_path: Path):
    def save(content: bytes, error: Exception | None = None) -> None:
        with Saving(artifact(), tmp_path) as saving:
            saving.write(content)
            if error:
                raise error

    with pytest.raises(DownloadBroken, match=r"annotated-0\.jpg"):
        save(b"drown")
    with pytest.raises(ConnectionError):
        save(CONTENT, ConnectionError())
    assert list(tmp_path.iterdir()) == []
