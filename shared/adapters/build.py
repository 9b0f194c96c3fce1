"""Choices that every composition root makes alike."""

from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.settings import ArtifactSettings


def artifact_store(settings: ArtifactSettings) -> LocalArtifactStore | S3ArtifactStore:
    """The store that the settings name. A local one has a ``signer`` whose ``check`` its links must pass."""
    if settings.kind == "s3":
        return S3ArtifactStore(settings)
    return LocalArtifactStore(settings.directory, LinkSigner(settings.link_key))
