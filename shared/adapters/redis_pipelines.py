"""Pipelines that users made, in a hash of Redis: each field a version, a blank and the pipeline's JSON."""

from shared.adapters.redis_connection import AsyncRedis, BlockingRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.circuit import Circuit
from shared.errors import PipelineChanged, PipelineExists, PipelineNotFound, StoreUnavailable
from shared.pipelines import Pipeline, Variant, with_variant
from shared.settings import Settings

_TRIES = 10
"""To add a variant to what others change meanwhile."""

_ANY = -1
_NONE = -2

# The version a pipeline has, 0 for none; what is asked for is done only if that is as expected.
_STEP = """
local key, id, expected, following = KEYS_OF, ARGV[2], tonumber(ARGV[3]), ARGV[4]
local kept = redis.call('HGET', key, id)
local version = kept and tonumber(string.match(kept, '^%d+')) or 0
if expected == ANY and version > 0 or expected == version then
  if following then
    redis.call('HSET', key, id, following)
  else
    redis.call('HDEL', key, id)
  end
  return -1
end
return version
""".replace("KEYS_OF", "ARGV[1] .. ':pipelines'").replace("ANY", str(_ANY))

_DONE = -1
_KEEP = Script.of(_STEP)
_REMOVE = Script.of(ALLOW_OOM + _STEP)


class RedisPipelineStore:
    """PipelineStore on Redis. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)

    async def all(self) -> list[Pipeline]:
        """See the port."""
        kept: dict[bytes, bytes] = await self._redis.command("HGETALL", f"{self._prefix}:pipelines")
        return [_read(value) for _, value in sorted(kept.items())]

    async def get(self, pipeline_id: str) -> Pipeline:
        """See the port."""
        value: bytes | None = await self._redis.command("HGET", f"{self._prefix}:pipelines", pipeline_id)
        if value is None:
            raise _not_found(pipeline_id)
        return _read(value)

    async def add(self, pipeline: Pipeline) -> Pipeline:
        """See the port."""
        kept, version = await self._keep(pipeline, 0)
        if version != _DONE:
            msg = f"the id {pipeline.id!r} is taken"
            raise PipelineExists(msg)
        return kept

    async def replace(self, pipeline: Pipeline, expected_version: int) -> Pipeline:
        """See the port."""
        # 0 is what ``add`` expects.
        kept, version = await self._keep(pipeline, expected_version or _NONE)
        _check(pipeline.id, version, expected_version)
        return kept

    async def remove(self, pipeline_id: str, expected_version: int | None = None) -> None:
        """See the port."""
        expected = _ANY if expected_version is None else expected_version
        version = await self._redis.run(_REMOVE, self._prefix, pipeline_id, expected)
        _check(pipeline_id, version, expected)

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()

    async def _keep(self, pipeline: Pipeline, expected: int) -> tuple[Pipeline, int]:
        kept, value = _written(pipeline, expected + 1)
        return kept, await self._redis.run(_KEEP, self._prefix, kept.id, expected, value)


class RedisVariantWriter:
    """VariantWriter on Redis; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)

    def add_variant(self, pipeline_id: str, variant: Variant) -> None:
        """See the port."""
        for _ in range(_TRIES):
            value: bytes | None = self._redis.command("HGET", f"{self._prefix}:pipelines", pipeline_id)
            if value is None:
                raise _not_found(pipeline_id)
            before = _read(value)
            changed = with_variant(before, variant)
            if changed is None:
                return
            following = _written(changed, before.version + 1)[1]
            if self._redis.run(_KEEP, self._prefix, pipeline_id, before.version, following) == _DONE:
                return
        msg = f"others change pipeline {pipeline_id!r} all the time"
        raise PipelineChanged(msg)

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()


def _written(pipeline: Pipeline, version: int) -> tuple[Pipeline, str]:
    """The pipeline at this version, and as it is kept."""
    kept = pipeline.model_copy(update={"version": version})
    return kept, f"{version} {kept.model_dump_json()}"


def _read(value: bytes) -> Pipeline:
    try:
        return Pipeline.model_validate_json(value.partition(b" ")[2])
    except ValueError as error:
        msg = f"a pipeline in the store can't be read by this version: {error}"
        raise StoreUnavailable(msg) from error


def _check(pipeline_id: str, version: int, expected: int) -> None:
    if version == 0:
        raise _not_found(pipeline_id)
    if version != _DONE:
        msg = f"pipeline {pipeline_id!r} is at version {version} by now, not {expected}"
        raise PipelineChanged(msg)


def _not_found(pipeline_id: str) -> PipelineNotFound:
    msg = f"there is no pipeline {pipeline_id!r}"
    return PipelineNotFound(msg)
