"""What the S3 library leaves out: the server's clock, and uploads that were begun and never ended."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from minio import Minio
from minio.datatypes import Upload
from urllib3 import BaseHTTPResponse


class DatedPool(urllib3.PoolManager):
    """Connections that note what time it is where the answers come from."""

    ahead_s = 0.0
    """How far the server's clock is ahead of ours, by its latest answer; it counts whole seconds."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> BaseHTTPResponse:
        """As that of urllib3."""
        answer = super().urlopen(method, url, redirect, **kw)
        with suppress(KeyError, ValueError):  # it doesn't say: our own clock has to do
            self.ahead_s = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
        return answer

    def age_s(self, moment: datetime | None) -> float:
        """Seconds since then on the server's clock; 0 for no time, or one that is still to come."""
        return 0.0 if moment is None else max(time.time() + self.ahead_s - moment.timestamp(), 0.0)


class S3Client(Minio):
    """The library's client; what is its own business there is used here alone."""

    def unfinished(self, bucket: str) -> Sequence[Upload]:
        """Uploads of several parts that were begun and neither completed nor aborted; a thousand at most.

        Servers don't agree on how to ask for the next thousand: abort some, then ask again.
        """
        return self._list_multipart_uploads(bucket).uploads

    def abort(self, bucket: str, upload: Upload) -> None:
        """Forget the upload and its parts. Raises S3Error with code NoSuchUpload if it has ended."""
        self._abort_multipart_upload(bucket, upload.object_name, str(upload.upload_id))
