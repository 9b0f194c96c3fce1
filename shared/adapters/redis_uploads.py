"""Records of uploads in Redis: of each a version, a blank and its JSON; and a sorted set of when they changed."""

from shared.adapters.redis_connection import BlockingRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.errors import StoreUnavailable, TooManyUploads, UploadChanged, UploadNotFound
from shared.settings import Settings
from shared.uploads import Upload

_DONE = -1
_FULL = -2

# Kept if it has the expected version, 0 for none; answers the version it has else.
_KEEP = Script.of("""
local key, open, id = ARGV[1] .. ':upload:' .. ARGV[2], ARGV[1] .. ':uploads', ARGV[2]
local kept = redis.call('GET', key)
local version = kept and tonumber(string.match(kept, '^%d+')) or 0
if version ~= tonumber(ARGV[3]) then
  return version
end
local most, keep_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
if version == 0 and redis.call('ZCARD', open) >= most then
  return -2
end
if keep_ms > 0 then
  redis.call('SET', key, ARGV[4], 'PX', keep_ms)
  redis.call('ZREM', open, id)
else
  redis.call('SET', key, ARGV[4])
  redis.call('ZADD', open, redis.call('TIME')[1], id)
end
return -1
""")
_REMOVE = Script.of(
    ALLOW_OOM
    + """
redis.call('DEL', ARGV[1] .. ':upload:' .. ARGV[2])
redis.call('ZREM', ARGV[1] .. ':uploads', ARGV[2])
"""
)
_IDLE = Script.of("""
local now = tonumber(redis.call('TIME')[1])
return redis.call('ZRANGEBYSCORE', ARGV[1] .. ':uploads', '-inf', now - tonumber(ARGV[2]))
""")


class RedisUploadStore:
    """UploadStore on Redis."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)

    def create(self, upload: Upload, most: int) -> Upload:
        """See the port."""
        kept, answer = self._keep(upload, 0, most, None)
        if answer == _FULL:
            raise TooManyUploads(f"{most} uploads are kept that no job has used; finish or delete some")
        if answer != _DONE:
            raise UploadChanged(f"there is an upload {upload.id}")
        return kept

    def get(self, upload_id: str) -> Upload:
        """See the port."""
        value: bytes | None = self._redis.command("GET", f"{self._prefix}:upload:{upload_id}")
        if value is None:
            raise UploadNotFound.of(upload_id)
        try:
            return Upload.model_validate_json(value.partition(b" ")[2])
        except ValueError as error:
            msg = f"an upload in the store can't be read by this version: {error}"
            raise StoreUnavailable(msg) from error

    def replace(self, upload: Upload, keep_s: float | None = None) -> Upload:
        """See the port."""
        kept, answer = self._keep(upload, upload.version, 0, keep_s)
        if answer == 0:
            raise UploadNotFound.of(upload.id)
        if answer != _DONE:
            raise UploadChanged(f"upload {upload.id} was changed meanwhile; ask where to go on")
        return kept

    def remove(self, upload_id: str) -> None:
        """See the port."""
        self._redis.run(_REMOVE, self._prefix, upload_id)

    def idle(self, older_than_s: float) -> list[str]:
        """See the port. Ages are counted in whole seconds."""
        found: list[bytes] = self._redis.run(_IDLE, self._prefix, older_than_s)
        return [each.decode() for each in found]

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _keep(self, upload: Upload, version: int, most: int, keep_s: float | None) -> tuple[Upload, int]:
        kept = upload.model_copy(update={"version": version + 1})
        keep_ms = 0 if keep_s is None else max(1, round(keep_s * 1_000))
        value = f"{kept.version} {kept.model_dump_json()}"
        return kept, self._redis.run(_KEEP, self._prefix, kept.id, version, value, most, keep_ms)
