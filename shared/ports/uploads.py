"""The door to uploads."""

from typing import Protocol

from shared.uploads import Upload


class UploadStore(Protocol):
    """Records of uploads, for all gateways and workers. Blocking; safe to share between threads.

    Raises StoreUnavailable.
    """

    def create(self, upload: Upload, most: int) -> Upload:
        """Keep a new one; its ``version`` becomes 1. Raises TooManyUploads if ``most`` are kept, unused."""
        ...

    def get(self, upload_id: str) -> Upload:
        """Raises UploadNotFound."""
        ...

    def replace(self, upload: Upload, keep_s: float | None = None) -> Upload:
        """Keep a changed one under the next version.

        ``keep_s``: it counts no more as one that is kept, and is forgotten then. Raises UploadChanged when its
        version isn't the kept one's any more, UploadNotFound.
        """
        ...

    def remove(self, upload_id: str) -> None:
        """Nothing happens if there is none."""
        ...

    def idle(self, older_than_s: float) -> list[str]:
        """Ids of those that aren't used and were changed last so long ago."""
        ...
