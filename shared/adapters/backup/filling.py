"""A store that is filled from a backup while nobody works with it."""

from collections.abc import Iterable, Iterator

from redis.exceptions import ResponseError

from shared.adapters.backup.entries import Entry
from shared.adapters.backup.families import AUDIT, Family, counts
from shared.adapters.backup.reading import names, script
from shared.adapters.redis_connection import Argument, BlockingRedis, Script
from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_jobs.scripts import prelude
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.redis_server import RESTORING
from shared.backup import Manifest, RestoreRefused
from shared.errors import WorkerLeaves
from shared.jobs import ErrorInfo
from shared.settings import Settings

_TOGETHER, _TOGETHER_BYTES = 100, 1024 * 1024
_PROBE_MS = 10_000
_RAN = WorkerLeaves("it ran when the backup was made that it came back from")


class StoreFiller:
    """Below the prefix of the settings. Raises StoreUnavailable."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._settings = settings
        self._redis = BlockingRedis(settings)
        self._adopt = Script.of(prelude(settings) + script("adopt"))
        self._audit_stays = False

    def check(self, *, force: bool) -> None:
        """Raises RestoreRefused while somebody works here; unless ``force``, also for what would be replaced."""
        if who := [*self._workers(), *self._gateways()]:
            msg = f"{', '.join(who)} work with this store: stop every gateway and worker, then restore"
            raise RestoreRefused(msg)
        if force:
            return
        if self._redis.command("EXISTS", f"{self._prefix}:{RESTORING}"):
            msg = "a restore of this store didn't end: do it again with --force, which removes what is there"
            raise RestoreRefused(msg)
        if found := next(
            (name for some in names(self._redis, self._prefix) for name in some if counts(name)), None
        ):
            msg = (
                f"the store isn't empty below {self._prefix!r} (there is {found!r}): name another prefix with "
                "FRAMELANE_REDIS__PREFIX, or replace what is there with --force"
            )
            raise RestoreRefused(msg)

    def try_out(self, entry: Entry) -> None:
        """Raises RestoreRefused where the server doesn't understand copies from the other one; nothing stays."""
        key = f"{self._prefix}:{RESTORING}:probe"
        try:
            self._redis.command("RESTORE", key, _PROBE_MS, entry.keys[0][2], "REPLACE")
        except ResponseError as error:
            msg = (
                f"this server can't take copies from the one of the backup ({error}): restore to a server of the "
                "same kind that is as new or newer"
            )
            raise RestoreRefused(msg) from error
        self._redis.command("UNLINK", key)

    def begin(self, manifest: Manifest) -> None:
        """Note that it goes on, and remove what is there but the audit log."""
        keep = {AUDIT, RESTORING}
        self._redis.command("SET", f"{self._prefix}:{RESTORING}", manifest.began_at.isoformat())
        for some in names(self._redis, self._prefix):
            if gone := [f"{self._prefix}:{name}" for name in some if name not in keep]:
                self._redis.command("UNLINK", *gone)
        self._audit_stays = bool(self._redis.command("EXISTS", f"{self._prefix}:{AUDIT}"))
        self._redis.several([("EVAL", self._adopt.text, 0, self._prefix, "", *[""] * 5, "")])

    def put(self, entries: Iterable[Entry], prefix: str) -> None:
        """``prefix``: the one that these were below."""
        for some in _portions(entries):
            commands = [command for entry in some for command in self._commands(entry, prefix)]
            self._redis.several(commands)

    def end(self) -> None:
        """Have what ran wait again, at no cost to its attempts; then the store may be used."""
        store = RedisAttemptStore(self._settings)
        try:
            while lapsed := store.lapsed():
                for one in lapsed:
                    store.give_up(one.job_id, one.fence, one.worker, ErrorInfo.of(_RAN), costs=False)
        finally:
            store.close()
        self._redis.command("UNLINK", f"{self._prefix}:{RESTORING}")

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _workers(self) -> list[str]:
        beacon = RedisWorkerBeacon(self._settings)
        try:
            return [f"worker {worker.id}" for worker in beacon.workers()]
        finally:
            beacon.close()

    def _gateways(self) -> list[str]:
        # Each process listens to a channel of its own.
        begin = f"{self._prefix}:sessions:"
        channels: list[bytes] = self._redis.command("PUBSUB", "CHANNELS")
        heard = [channel.decode(errors="replace") for channel in channels]
        return [f"gateway {each.removeprefix(begin)}" for each in heard if each.startswith(begin)]

    def _commands(self, entry: Entry, prefix: str) -> Iterator[tuple[Argument, ...]]:
        if entry.name == AUDIT and self._audit_stays:
            return
        begin = self._prefix + ":" + ("" if entry.family is Family.KEY else f"{entry.family}:") + entry.name
        for end, left_ms, value in entry.keys:
            yield "RESTORE", begin + end, max(left_ms, 0), value, "REPLACE"
        if entry.family is Family.JOB:
            yield "EVALSHA", self._adopt.digest, 0, self._prefix, entry.name, *entry.about[1:], prefix
        elif entry.family is Family.BENCHMARK:
            yield "EVAL", _LIST_BENCHMARK, 0, self._prefix, entry.name, entry.about[0]
        elif entry.name.startswith("upload:") and entry.keys[0][1] < 0:
            # One that a job has used goes by itself.
            yield "EVAL", _LIST_UPLOAD, 0, self._prefix, entry.name.removeprefix("upload:")


_LIST_BENCHMARK = """
local P, id, order = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('ZADD', P .. ':benchmarks', order, id)
local tenant = redis.call('HGET', P .. ':benchmark:' .. id, 'tenant') or 'default'
redis.call('ZADD', P .. ':benchmarks:of:' .. tenant, order, id)
if order > tonumber(redis.call('GET', P .. ':benchmarks:order') or 0) then
  redis.call('SET', P .. ':benchmarks:order', order)
end
"""
_LIST_UPLOAD = "redis.call('ZADD', ARGV[1] .. ':uploads', redis.call('TIME')[1], ARGV[2])"


def _portions(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    portion: list[Entry] = []
    for entry in entries:
        portion.append(entry)
        if len(portion) >= _TOGETHER or sum(each.size for each in portion) >= _TOGETHER_BYTES:
            yield portion
            portion = []
    if portion:
        yield portion
