"""Objects in a bucket of any S3 server, with plain S3 calls only."""

import errno
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import urllib3
from minio.datatypes import PostPolicy, Upload
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from shared.adapters.files import appearing
from shared.adapters.keys import checked_key
from shared.adapters.links import attachment, checked_time
from shared.adapters.s3_client import DatedPool, S3Client
from shared.errors import ArtifactNotFound, OutOfSpace, StoreUnavailable
from shared.ports import ObjectInfo, StoredObject, UploadForm
from shared.settings import ArtifactSettings

_CHUNK = 1024 * 1024
_PART = 16 * 1024 * 1024
_CONNECT_S = 2.0
_READ_S = 20.0
_POOL = 32
_SHA = "x-amz-meta-sha256"
_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound", "NoSuchBucket"}
_FULL = {"XMinioStorageFull", "StorageFull", "InsufficientStorage", "QuotaExceeded", "EntityTooLargeForQuota"}
_INSUFFICIENT_STORAGE = 507
_ANY_TYPE = "application/octet-stream"
_BUCKET_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class S3ArtifactStore:
    """ArtifactStore in one bucket, made when it is missing. Its links go to the server itself."""

    def __init__(self, settings: ArtifactSettings) -> None:
        self._bucket = settings.bucket
        self._region = settings.region
        own_url = f"{'https' if settings.secure else 'http'}://{settings.endpoint}"
        self._public_url = settings.public_url or own_url
        self._http = DatedPool(
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            retries=urllib3.Retry(total=1, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504)),
            maxsize=_POOL,
            ca_certs=None if settings.ca is None else str(settings.ca),
        )
        self._client = self._client_of(own_url, settings)
        # These only sign: the server's name is part of what is signed. Links go to strangers, with the name of the
        # key in them: one that may do nothing but read is enough.
        self._signing = self._client_of(self._public_url, settings)
        self._lending = self._client_of(self._public_url, _for_links(settings))

    def _client_of(self, url: str, settings: ArtifactSettings) -> S3Client:
        scheme, _, place = url.partition("://")
        client = S3Client(
            place,
            access_key=settings.access_key,
            secret_key=settings.secret_key.get_secret_value(),
            secure=scheme == "https",
            region=settings.region,  # else every new client asks the server for it first
            http_client=self._http,
        )
        client.disable_virtual_style_endpoint()
        return client

    def ping(self) -> None:
        """Makes the bucket if need be."""
        with self._errors(""):
            if not self._client.bucket_exists(self._bucket):
                self._make_bucket()

    def put_file(self, key: str, path: Path, media_type: str, sha256: str | None = None) -> ObjectInfo:
        """See the port."""
        with path.open("rb") as source:
            digest = sha256 or file_digest(source, "sha256").hexdigest()
            info = ObjectInfo(checked_key(key), path.stat().st_size, digest, media_type)
            return self._put(info, source)

    def put_bytes(self, key: str, content: bytes, media_type: str) -> ObjectInfo:
        """See the port."""
        info = ObjectInfo(checked_key(key), len(content), sha256(content).hexdigest(), media_type)
        return self._put(info, BytesIO(content))

    def stat(self, key: str) -> ObjectInfo:
        """See the port."""
        checked_key(key)
        with self._errors(key):
            found = self._client.stat_object(self._bucket, key)
        headers = found.metadata or {}
        digest = headers.get(_SHA) or self._digest(key)
        return ObjectInfo(key, found.size or 0, digest, found.content_type or _ANY_TYPE)

    def fetch(self, key: str, path: Path) -> ObjectInfo:
        """See the port."""
        digest, size = sha256(), 0
        with self._getting(checked_key(key)) as response:
            headers = response.headers
            with appearing(path) as target:
                for chunk in response.stream(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                if headers.get(_SHA, digest.hexdigest()) != digest.hexdigest():
                    msg = f"artifact {key} came damaged"
                    raise StoreUnavailable(msg)
        return ObjectInfo(key, size, digest.hexdigest(), headers.get("content-type", _ANY_TYPE))

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See the port. A missing object is told at once, not with the first chunk."""
        chunks = self._chunks(checked_key(key), start, length)
        next(chunks)
        return chunks

    def keys(self, prefix: str) -> list[str]:
        """See the port."""
        with suppress(ArtifactNotFound), self._errors(prefix):
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(each.object_name for each in found if each.object_name)
        return []  # not even a bucket

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """See the port. Objects put or removed meanwhile may be among it or not."""
        with suppress(ArtifactNotFound), self._errors(prefix):
            for each in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if each.object_name:
                    yield StoredObject(each.object_name, each.size or 0, self._http.age_s(each.last_modified))

    def sweep_uploads(self, older_than_s: float) -> int:
        """See the port. The age of an upload is counted from its beginning."""
        swept, before = 0, -1
        with suppress(ArtifactNotFound), self._errors(""):
            while swept > before:
                before = swept
                for upload in self._client.unfinished(self._bucket):
                    if self._http.age_s(upload.initiated_time) >= older_than_s:
                        swept += self._abort(upload)
        return swept

    def delete(self, key: str) -> None:
        """See the port."""
        checked_key(key)
        with suppress(ArtifactNotFound), self._errors(key):
            self._client.remove_object(self._bucket, key)

    def upload_form(self, key: str, size: int, expires_s: int) -> UploadForm | None:
        """See the port. The server itself refuses another key or size."""
        policy = PostPolicy(self._bucket, datetime.now(UTC) + timedelta(seconds=expires_s))
        policy.add_equals_condition("key", checked_key(key))
        policy.add_content_length_range_condition(size, size)
        with self._errors(key):
            fields = self._signing.presigned_post_policy(policy)
        return UploadForm(f"{self._public_url}/{self._bucket}", {"key": key, **fields})

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """See the port."""
        headers: dict[str, str | list[str] | tuple[str]] = {"response-content-disposition": attachment(filename)}
        with self._errors(key):
            return self._lending.presigned_get_object(
                self._bucket,
                checked_key(key),
                timedelta(seconds=checked_time(expires_s)),
                response_headers=headers,
            )

    def close(self) -> None:
        """Let go of connections."""
        self._http.clear()

    def _put(self, info: ObjectInfo, source: BinaryIO) -> ObjectInfo:
        with self._errors(info.key):
            try:
                self._send(info, source)
            except S3Error as error:
                if error.code != "NoSuchBucket":
                    raise
                self._make_bucket()
                self._send(info, source)
        return info

    def _send(self, info: ObjectInfo, source: BinaryIO) -> None:
        source.seek(0)
        self._client.put_object(
            self._bucket,
            info.key,
            source,
            info.size,
            content_type=info.media_type,
            metadata={"sha256": info.sha256},
            part_size=_PART,
            num_parallel_uploads=1,
        )

    def _abort(self, upload: Upload) -> bool:
        """Whether it wasn't over by then."""
        try:
            self._client.abort(self._bucket, upload)
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise
            return False
        return True

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket, self._region)
        except S3Error as error:
            if error.code not in _BUCKET_THERE:
                raise

    def _chunks(self, key: str, start: int, length: int | None) -> Generator[bytes]:
        if length == 0:  # for the library that is all of it
            yield from (b"", b"")
            return
        with self._getting(key, start, length or 0) as response:
            yield b""  # taken by read(), so that closing the generator always closes the response
            yield from response.stream(_CHUNK)

    @contextmanager
    def _getting(self, key: str, start: int = 0, length: int = 0) -> Generator[BaseHTTPResponse]:
        with self._errors(key):
            response = self._client.get_object(self._bucket, key, offset=start, length=length)
            try:
                yield response
            finally:
                response.close()
                response.release_conn()

    def _digest(self, key: str) -> str:
        digest = sha256()
        for chunk in self.read(key):
            digest.update(chunk)
        return digest.hexdigest()

    @contextmanager
    def _errors(self, key: str) -> Generator[None]:
        try:
            yield
        except S3Error as error:
            raise self._translated(error, key) from error
        except (HTTPError, InvalidResponseError, ServerError, OSError) as error:
            if _is_full(error):
                msg = "no space is left for artifacts"
                raise OutOfSpace(msg) from error
            msg = f"the artifact store doesn't answer: {type(getattr(error, 'reason', error)).__name__}"
            raise StoreUnavailable(msg) from error

    def _translated(self, error: S3Error, key: str) -> Exception:
        if error.code in _MISSING:
            return ArtifactNotFound(f"there is no artifact {key}")
        if error.code in _FULL:
            return OutOfSpace("no space is left for artifacts")
        return StoreUnavailable(f"the artifact store refuses: {error.code} {error.message}")


def _for_links(settings: ArtifactSettings) -> ArtifactSettings:
    """With the key for links, if there is one."""
    if not settings.link_access_key:
        return settings
    own = {"access_key": settings.link_access_key, "secret_key": settings.link_secret_key}
    return settings.model_copy(update=own)


def _is_full(error: Exception) -> bool:
    if isinstance(error, ServerError):
        return error.status_code == _INSUFFICIENT_STORAGE
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
