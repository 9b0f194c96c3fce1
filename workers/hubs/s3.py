"""Objects of the operator's own S3 server."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from minio import Minio
from minio.error import MinioException

from shared.errors import SourceUnavailable
from shared.sources import S3Source, describe
from workers.hubs import HubTools, Meter, Origin
from workers.hubs.transfer import Transfers

_LINK_S = 86_400


class S3Hub:
    """The library signs a link, which is then fetched as any address is."""

    def __init__(self, tools: HubTools) -> None:
        settings = tools.settings
        self._base = f"{'https' if settings.s3_secure else 'http'}://{settings.s3_endpoint}"
        self._signer = _signer(tools) if settings.s3_access_key else None
        self._transfers = Transfers(tools, self._base)

    def fetch(self, source: S3Source, target: Path, meter: Meter) -> Origin:
        """See the port."""
        name = describe(source)
        arrived = self._transfers.fetch(self._link(source), target, meter, name)
        return Origin(name, arrived.sum, resumed=arrived.resumed)

    def _link(self, source: S3Source) -> str:
        bucket, _, key = source.s3.partition("/")
        if self._signer is None:
            return f"{self._base}/{bucket}/{quote(key)}"
        try:
            return self._signer.presigned_get_object(bucket, key, timedelta(seconds=_LINK_S))
        except (MinioException, ValueError) as error:
            raise SourceUnavailable(f"{describe(source)}: {error}") from error


def _signer(tools: HubTools) -> Minio:
    settings = tools.settings
    client = Minio(
        settings.s3_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
        region=settings.s3_region,  # else it asks the server for it, for every bucket
    )
    client.disable_virtual_style_endpoint()
    return client
