"""Everything that is kept, copied and brought back: as it was, to another place, while others work, and refused."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from deploy.redis_acl import ROLES, lines
from shared.adapters.backup import whole
from shared.adapters.backup.entries import Entry
from shared.adapters.backup.families import Family, family
from shared.adapters.backup.filling import StoreFiller
from shared.adapters.backup.shelves import FolderShelf
from shared.adapters.build import artifact_store
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.redis_server import UnfitServer, check_servers
from shared.adapters.redis_sessions import RedisSessionStore
from shared.backup import MANIFEST, BackupDamaged, BackupNewer, BackupRefused, RestoreRefused
from shared.errors import StoreUnavailable
from shared.ports import ArtifactStore
from shared.settings import ArtifactSettings, RedisSettings, Settings
from shared.states import JobState
from tests.contract.test_registry import worker
from tests.support.jobs import completed, new_job
from tests.support.kept import LARGE, Kept, contents, fill, raw, wipe
from tests.support.polling import eventually
from tests.support.secured import valkey_with_users

pytestmark = pytest.mark.service


def folder_of_files(path: Path) -> ArtifactStore:
    return artifact_store(ArtifactSettings(directory=path))


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return folder_of_files(tmp_path / "artifacts")


@pytest.fixture
async def kept(settings: Settings, artifacts: ArtifactStore) -> Kept:
    return await fill(settings, artifacts)


@pytest.fixture
def backup(tmp_path: Path, kept: Kept, settings: Settings, artifacts: ArtifactStore) -> Path:
    """Made while everything is as it was filled in."""
    whole.back_up(settings, artifacts, FolderShelf(tmp_path / "backup"))
    return tmp_path / "backup"


def bring_back(folder: Path, settings: Settings, artifacts: ArtifactStore, **options: Any) -> whole.Restored:
    return whole.restore(settings, lambda: artifacts, FolderShelf(folder), **options)


def elsewhere(settings: Settings) -> Settings:
    """The same server, another prefix."""
    prefix = f"{settings.redis.prefix}-other"
    return settings.model_copy(update={"redis": settings.redis.model_copy(update={"prefix": prefix})})


def without(found: dict[str, Any], *beginnings: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if not name.startswith(beginnings)}


@pytest.mark.parametrize("where", ["local", "s3"])
async def test_what_was_kept_is_there_again(
    where: str, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
):
    s3 = request.getfixturevalue("s3_settings") if where == "s3" else None
    artifacts = artifact_store(s3 or ArtifactSettings(directory=tmp_path / "artifacts"))
    kept = await fill(settings, artifacts)
    with redis.Redis.from_url(settings.store_url) as client:
        client.set(f"{settings.redis.prefix}:of a later version", "?")
    manifest = whole.back_up(settings, artifacts, FolderShelf(tmp_path / "backup"))
    assert manifest.jobs == {"PENDING": 4, "RUNNING": 2, "COMPLETED": 2, "FAILED": 2, "CANCELLED": 1}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "backup").iterdir()} == {0o600}
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700

    before, files = raw(settings), contents(artifacts)
    assert manifest.files == len(files)
    wipe(settings)
    for key in list(files)[1:]:
        artifacts.delete(key)
    restored = bring_back(tmp_path / "backup", settings, artifacts)
    assert restored.files == len(files) - 1, "what was still there wasn't written"
    assert contents(artifacts) == files

    after = raw(settings)
    assert [name for name in after if family(name) is Family.PASSING] == []
    ran = (f"job:{kept.runs}", f"job:{kept.stopping}")
    changed = ("callers", "ended:CANCELLED", "leases", "outbox", "pending:cpu", "retention", "sent:", "uploads")
    kept_before = {name: value for name, value in before.items() if family(name) is not Family.PASSING}
    assert without(after, *ran, *changed) == without(kept_before, *ran, *changed)
    waiting = {kept.waits, kept.sent, kept.published, kept.again, kept.runs}
    assert {each.decode() for each in after["outbox"]} == waiting, "each is sent as if it were new"
    assert after["callers"] == {b"c": b"2"}
    assert after["active"] == {b"c": b"2"}
    left = {each: after["retention"][each] - score for each, score in before["retention"].items()}
    assert max(left.values()) - min(left.values()) < 60e6, "all are kept for as much longer"
    assert min(left.values()) >= 0
    assert {*after["ended:CANCELLED"]} == {kept.cancelled.encode(), kept.stopping.encode()}
    assert len(after["uploads"]) == len(before["uploads"]) == 1


async def test_what_ran_waits_again_at_no_cost(
    backup: Path, settings: Settings, artifacts: ArtifactStore, kept: Kept
):
    there = elsewhere(settings)
    bring_back(backup, there, artifacts)
    front, shop = RedisJobStore(there), RedisAttemptStore(there)
    runs = await front.get(kept.runs)
    assert (runs.state, runs.attempt, runs.tenant) == (JobState.PENDING, 0, "acme")
    assert [(one.number, one.error and one.error.code) for one in runs.attempts] == [(0, "worker-left")]
    stopped = await front.get(kept.stopping)
    assert (stopped.state, stopped.outcome.reason) == (JobState.CANCELLED, "enough")
    claim = shop.claim(kept.runs, "x", 60)
    assert claim is not None
    assert shop.checkpoint(claim) == "half"
    assert shop.settle(claim, completed()) is JobState.COMPLETED
    assert len((await front.records(kept.runs)).records) == 0, "a new attempt begins anew"
    again = await front.create(new_job(idempotency_key="two", blobs=(b"x", bytes(LARGE))))
    assert (again.fresh, again.record.id) == (False, kept.done), "its key has the other prefix now"
    assert [len(each) for each in await front.blobs(kept.failed)] == [1, LARGE]
    assert [job.id for job in (await front.dead(9, tenant="acme")).jobs] == [kept.dead]
    newest = await front.create(new_job())
    assert raw(there)["index"][newest.record.id.encode()] > max(raw(settings)["index"].values())
    await front.close()
    shop.close()


async def test_files_go_from_a_folder_to_s3_by_way_of_s3(
    kept: Kept, settings: Settings, artifacts: ArtifactStore, s3_settings: ArtifactSettings
):
    from shared.adapters.backup.shelves import shelf_at

    place = f"s3://{s3_settings.bucket}/night/1"
    mine = s3_settings.model_copy(update={"kind": "local"})
    with closing(shelf_at(place, mine)) as shelf:
        whole.back_up(settings, artifacts, shelf)
        with pytest.raises(BackupRefused, match="new prefix"):
            whole.back_up(settings, artifacts, shelf)
    other = artifact_store(s3_settings.model_copy(update={"bucket": f"{s3_settings.bucket}-b"}))
    with closing(shelf_at(place, mine)) as shelf:
        whole.restore(elsewhere(settings), lambda: other, shelf)
    assert contents(other) == contents(artifacts)
    for wrong, said in (
        (f"s3://{s3_settings.bucket}/x", "artifacts lie in that bucket"),
        ("s3:///x", "s3://bucket/prefix"),
        ("s3://b/../x", "s3://bucket/prefix"),
    ):
        with pytest.raises(BackupRefused, match=said):
            shelf_at(wrong, s3_settings)
    with pytest.raises(BackupRefused, match="FRAMELANE_ARTIFACTS__ENDPOINT"):
        shelf_at("s3://b/x", ArtifactSettings())


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _say(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE = {
    "a bit": (
        lambda folder: _flip(folder / "artifacts-00001.tar"),
        BackupDamaged,
        "artifacts-00001.tar isn't what",
    ),
    "a part": (lambda folder: (folder / "store-00001.msgpack").unlink(), BackupDamaged, "is missing"),
    "the end": (lambda folder: (folder / MANIFEST).unlink(), BackupDamaged, "no backup, or one that didn't end"),
    "no JSON": (lambda folder: (folder / MANIFEST).write_text("{"), BackupDamaged, "can't be read"),
    "a field": (lambda folder: _say(folder / MANIFEST, parts=[{}]), BackupDamaged, "parts.0.name is wrong"),
    "a way out": (
        lambda folder: _say(
            folder / MANIFEST, parts=[{"name": "../x", "kind": "store", "bytes": 0, "sha256": ""}]
        ),
        BackupDamaged,
        "name is wrong",
    ),
    "later": (lambda folder: _say(folder / MANIFEST, format=2), BackupNewer, "with a later version"),
    "later jobs": (lambda folder: _say(folder / MANIFEST, formats={"dream": 1}), BackupNewer, "records of dream"),
}


def test_a_backup_that_can_not_be_trusted_changes_nothing(backup: Path, settings: Settings, tmp_path: Path):
    there, files = elsewhere(settings), folder_of_files(tmp_path / "others")
    good = {path.name: path.read_bytes() for path in backup.iterdir()}
    for what, (damage, error, said) in DAMAGE.items():
        damage(backup)
        with pytest.raises(error, match=said):
            bring_back(backup, there, files, force=True)
        assert raw(there) == {}, what
        for name, content in good.items():
            (backup / name).write_bytes(content)
    assert not (tmp_path / "others").exists()
    bring_back(backup, there, files)


def test_copies_of_a_server_that_this_one_does_not_understand(settings: Settings):
    with closing(StoreFiller(settings)) as filler, redis.Redis.from_url(settings.store_url) as client:
        client.set("x", "y")
        copy = client.dump("x")
        client.delete("x")
        later = copy[:-10] + b"\xff\xff" + copy[-8:]
        with pytest.raises(RestoreRefused, match="same kind that is as new"):
            filler.try_out(Entry(Family.KEY, "x", (("", -1, later),)))
        filler.try_out(Entry(Family.KEY, "x", (("", -1, copy),)))
    assert raw(settings) == {}


async def test_who_works_there_is_not_disturbed(backup: Path, settings: Settings, artifacts: ArtifactStore):
    there = elsewhere(settings)
    beacon = RedisWorkerBeacon(there)
    beacon.announce(worker("w-1"), 600)
    with pytest.raises(RestoreRefused, match="worker w-1 work with this store: stop every gateway and worker"):
        bring_back(backup, there, artifacts, force=True)
    beacon.withdraw("w-1")
    sessions = RedisSessionStore(there)
    async with sessions.listen("g-1"):
        with pytest.raises(RestoreRefused, match="gateway g-1"):
            await asyncio.to_thread(bring_back, backup, there, artifacts)
    await sessions.close()
    eventually(lambda: _restored(backup, there, artifacts))
    beacon.close()


def _restored(backup: Path, there: Settings, artifacts: ArtifactStore) -> bool:
    """The server may not have noticed yet that somebody left."""
    try:
        bring_back(backup, there, artifacts)
    except RestoreRefused:
        return False
    return True


async def test_what_is_there_is_replaced_only_by_force(backup: Path, settings: Settings, artifacts: ArtifactStore):
    front = RedisJobStore(settings)
    later = await front.create(new_job())
    await front.close()
    with pytest.raises(RestoreRefused, match=r"isn't empty below .*FRAMELANE_REDIS__PREFIX.*--force"):
        bring_back(backup, settings, artifacts)
    with redis.Redis.from_url(settings.store_url) as client:
        client.xadd(f"{settings.redis.prefix}:audit", {"e": "of today"})
    audit = raw(settings)["audit"]
    bring_back(backup, settings, artifacts, force=True)
    after = raw(settings)
    assert f"job:{later.record.id}" not in after
    assert after["audit"] == audit, "what was done since is still told"


async def test_a_restore_that_did_not_end_says_so(
    backup: Path, settings: Settings, artifacts: ArtifactStore, tmp_path: Path
):
    there, before = elsewhere(settings), raw(settings)
    (tmp_path / "taken").write_text("a file, where a folder should be")
    with pytest.raises(StoreUnavailable):
        bring_back(backup, there, folder_of_files(tmp_path / "taken"))
    with pytest.raises(RestoreRefused, match="didn't end: do it again with --force"):
        bring_back(backup, there, artifacts)
    with pytest.raises(UnfitServer, match="a restore of this store goes on, or didn't end"):
        check_servers(there)  # as gateways and workers do when they start
    bring_back(backup, there, artifacts, force=True)
    assert raw(there)["index"] == before["index"]
    check_servers(there)


def test_a_folder_is_used_once(backup: Path, settings: Settings, artifacts: ArtifactStore):
    with pytest.raises(BackupRefused, match="name a new folder"):
        whole.back_up(settings, artifacts, FolderShelf(backup))


def test_a_file_that_was_damaged_where_it_lay_is_told_and_left_out(
    settings: Settings, artifacts: ArtifactStore, tmp_path: Path
):
    artifacts.put_bytes("models/a", b"good", "text/plain")
    artifacts.put_bytes("models/b", b"good", "text/plain")
    place = tmp_path / "artifacts" / "objects" / "models" / "b"
    stamp = place.stat().st_mtime_ns
    place.write_bytes(b"evil")
    import os

    os.utime(place, ns=(stamp, stamp))
    manifest = whole.back_up(settings, artifacts, FolderShelf(tmp_path / "backup"))
    assert (manifest.files, manifest.damaged) == (1, ["models/b"])
    others = folder_of_files(tmp_path / "others")
    bring_back(tmp_path / "backup", settings, others)
    assert set(contents(others)) == {"models/a"}


@pytest.fixture
def busy(settings: Settings) -> Iterator[None]:
    """Jobs are made, run, ended and removed all the time."""
    stop, made = threading.Event(), threading.Semaphore(0)

    async def work() -> None:
        front, shop = RedisJobStore(settings), RedisAttemptStore(settings)
        while not stop.is_set():
            ids = [(await front.create(new_job(caller="c", idempotency_key=None))).record.id for _ in range(5)]
            for job_id in ids[:4]:
                claim = shop.claim(job_id, "w", 600)
                assert claim is not None
                if job_id != ids[3]:
                    shop.settle(claim, completed())
            await front.delete(ids[0])
            made.release()
        await front.close()
        shop.close()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    for _ in range(5):
        assert made.acquire(timeout=60)
    yield
    stop.set()
    thread.join(60)


def test_a_backup_of_a_busy_store_is_whole_in_itself(
    busy: None, settings: Settings, artifacts: ArtifactStore, tmp_path: Path
):
    last = int(raw_order(settings))
    manifest = whole.back_up(settings, artifacts, FolderShelf(tmp_path / "backup"))
    there = elsewhere(settings)
    bring_back(tmp_path / "backup", there, artifacts)
    found = raw(there)
    jobs = {
        name.removeprefix("job:"): value
        for name, value in found.items()
        if name.count(":") == 1 and name[:4] == "job:"
    }
    assert sum(manifest.jobs.values()) == len(jobs) > 0
    ids = {job_id.encode() for job_id in jobs}
    assert set(found["index"]) == set(found["index:default"]) == ids
    assert max(found["index"].values()) <= last + 10, "those accepted later aren't in it"
    by_state = {
        state: {i.encode() for i, job in jobs.items() if job[b"state"] == state.encode()} for state in JobState
    }
    assert set(found["pending:cpu"]) == set(found["outbox"]) == by_state[JobState.PENDING]
    assert set(found["ended:COMPLETED"]) == set(found["retention"]) == by_state[JobState.COMPLETED]
    assert by_state[JobState.RUNNING] == set()
    assert int(found["callers"][b"c"]) == len(by_state[JobState.PENDING])
    for job_id in jobs:
        assert len(found[f"job:{job_id}:told"]) == int(jobs[job_id][b"seq"]), "its events are of the same moment"


def raw_order(settings: Settings) -> bytes:
    with redis.Redis.from_url(settings.store_url) as client:
        return client.get(f"{settings.redis.prefix}:order")


async def test_a_user_for_it_needs_no_more_rights(tmp_path: Path, artifacts: ArtifactStore):
    passwords = dict.fromkeys((*ROLES, "admin"), "a-password-of-some-length")
    with valkey_with_users(tmp_path, lines("rights", passwords), passwords["admin"]) as port:

        def as_user(name: str) -> Settings:
            url = f"redis://{name}:{passwords[name]}@127.0.0.1:{port}/0"
            return Settings(REDIS_URL=url, redis=RedisSettings(prefix="rights", answer_s=5, connect_timeout_s=5))

        await fill(as_user("admin"), artifacts)
        whole.back_up(as_user("backup"), artifacts, FolderShelf(tmp_path / "backup"))
        before = raw(as_user("admin"))["index"]
        bring_back(tmp_path / "backup", as_user("backup"), artifacts, force=True)
        assert raw(as_user("admin"))["index"] == before
        with redis.Redis.from_url(as_user("admin").store_url) as client:
            assert client.acl_log() == []
