"""Disks that are full, folders that can't be used, servers that are gone, and files that people touch."""

import errno
import hashlib
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.adapters.build import artifact_store
from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import ArtifactNotFound, OutOfSpace, StoreUnavailable
from shared.settings import ArtifactSettings
from tests.support.servers import S3Server, free_ports

TEXT = "text/plain"


@pytest.fixture
def local(tmp_path: Path) -> LocalArtifactStore:
    return LocalArtifactStore(tmp_path / "artifacts", LinkSigner(SecretStr("key")))


def everything_under(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_old_object_and_leaves_no_draft(
    local: LocalArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    local.put_bytes("a", b"old", TEXT)
    before = everything_under(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutOfSpace):
            local.put_bytes("a", b"new", TEXT)
        with pytest.raises(OutOfSpace):
            local.fetch("a", tmp_path / "copy")

    assert everything_under(tmp_path) == before
    assert b"".join(local.read("a")) == b"old"


def test_fetching_to_a_device_without_space(
    local: LocalArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The draft of the copy is the kernel's own full device."""
    local.put_bytes("a", b"x" * 5_000_000, TEXT)
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0))
    (folder / f".{uuid.UUID(int=0).hex}.part").symlink_to("/dev/full")

    with pytest.raises(OutOfSpace):
        local.fetch("a", folder / "copy")

    assert list(folder.iterdir()) == []


def test_a_folder_that_can_not_be_made(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    store = LocalArtifactStore(tmp_path / "file" / "artifacts", LinkSigner(SecretStr("")))
    with pytest.raises(StoreUnavailable):
        store.ping()
    with pytest.raises(StoreUnavailable):
        store.put_bytes("a", b"", TEXT)
    with pytest.raises(ArtifactNotFound):
        store.stat("a")


def test_keys_while_others_come_and_go(local: LocalArtifactStore):
    """Folders vanish with their last object, also between being found and being looked into."""
    local.put_bytes("jobs/keep/1/a", b"", TEXT)
    done = threading.Event()

    def come_and_go(number: int) -> None:
        count = 0
        while not done.is_set():
            key = f"jobs/{number}/{count}/deep/a"
            local.put_bytes(key, b"", TEXT)
            local.delete(key)
            count += 1

    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(come_and_go, number) for number in range(4)]
        try:
            for _ in range(500):
                assert "jobs/keep/1/a" in local.keys("jobs/")
        finally:
            done.set()
        for each in busy:
            each.result()
    assert local.keys("jobs/") == ["jobs/keep/1/a"]


def test_keys_look_only_where_they_can_be(local: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch):
    for number in range(3):
        local.put_bytes(f"jobs/{number}/1/a", b"", TEXT)
    seen: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (seen.append(Path(path).name), scandir(path))[1])

    assert local.keys("jobs/1/") == ["jobs/1/1/a"]

    assert seen == ["1", "1"]


@pytest.mark.parametrize("prefix", ["/", "/jobs/", "jobs//", "../", "jobs/../", "./", "\0/"])
def test_no_prefix_leads_out_of_the_folder(local: LocalArtifactStore, prefix: str):
    local.put_bytes("jobs/1/a", b"", TEXT)
    assert local.keys(prefix) == []


def test_a_folder_that_can_not_be_read(local: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch):
    local.put_bytes("jobs/1/a", b"", TEXT)

    def refused(_path: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(StoreUnavailable):
        local.keys("jobs/1/")


def test_a_key_can_not_be_object_and_folder(local: LocalArtifactStore):
    local.put_bytes("a", b"1", TEXT)
    local.put_bytes("b/c", b"2", TEXT)
    for key in ("a/b", "a/b/c", "b"):
        with pytest.raises(ValueError, match="beginning of another"):
            local.put_bytes(key, b"3", TEXT)
    assert local.keys("") == ["a", "b/c"]


def test_files_put_there_by_hand_are_described(local: LocalArtifactStore, tmp_path: Path):
    local.put_bytes("a.txt", b"ours", TEXT)
    folder = tmp_path / "artifacts" / "objects"
    (folder / "b.json").write_bytes(b"{}")
    (folder / "a.txt").write_bytes(b"thei")

    assert local.stat("b.json").media_type == "application/json"
    assert local.stat("b.json").sha256 == hashlib.sha256(b"{}").hexdigest()
    assert local.stat("a.txt").sha256 == hashlib.sha256(b"thei").hexdigest()
    assert local.stat("a.txt").media_type == TEXT


def test_metadata_that_speaks_of_the_file_is_believed_without_reading_it(
    local: LocalArtifactStore, tmp_path: Path
):
    """Large objects are described at once; so content changed behind an equal size and time goes unnoticed."""
    info = local.put_bytes("a.txt", b"ours", TEXT)
    path = tmp_path / "artifacts" / "objects" / "a.txt"
    stamp = path.stat().st_mtime_ns
    path.write_bytes(b"thei")
    os.utime(path, ns=(stamp, stamp))
    assert local.stat("a.txt") == info


def test_broken_metadata_is_made_up_for(local: LocalArtifactStore, tmp_path: Path):
    info = local.put_bytes("a.txt", b"ours", TEXT)
    (tmp_path / "artifacts" / "metadata" / "a.txt~").write_bytes(b"{")
    assert local.stat("a.txt") == info


def test_readers_see_one_whole_object_while_it_is_replaced(local: LocalArtifactStore, tmp_path: Path):
    contents = [bytes([number]) * 50_000 for number in range(20)]
    local.put_bytes("a", contents[0], TEXT)
    wrong: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            info = local.fetch("a", tmp_path / "copy")
            content = (tmp_path / "copy").read_bytes()
            if hashlib.sha256(content).hexdigest() != info.sha256 or content not in contents:
                wrong.append(info.sha256)

    reader = threading.Thread(target=look)
    reader.start()
    for content in contents:
        local.put_bytes("a", content, TEXT)
    done.set()
    reader.join()

    assert wrong == []


def test_nothing_is_left_of_deleted_objects(local: LocalArtifactStore, tmp_path: Path):
    local.put_bytes("jobs/1/1/a", b"x", TEXT)
    local.delete("jobs/1/1/a")
    assert everything_under(tmp_path) == set()
    assert [each.name for each in (tmp_path / "artifacts" / "objects").iterdir()] == []


# --- S3 --------------------------------------------------------------------------------------------------------


def refused(store: S3ArtifactStore, tmp_path: Path) -> None:
    for call in (
        store.ping,
        lambda: store.put_bytes("a", b"x", TEXT),
        lambda: store.stat("a"),
        lambda: store.read("a"),
        lambda: store.fetch("a", tmp_path / "copy"),
        lambda: store.keys(""),
        lambda: store.delete("a"),
    ):
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert time.monotonic() - begin < 5, "the client's own patience is longer than that"
        assert S3Server.secret_key not in str(raised.value)
    assert not (tmp_path / "copy").exists()


def test_a_server_that_is_not_there(tmp_path: Path):
    settings = ArtifactSettings(
        kind="s3",
        endpoint=f"127.0.0.1:{free_ports(1)[0]}",
        secure=False,
        access_key="a",
        secret_key=SecretStr(S3Server.secret_key),
    )
    store = artifact_store(settings)
    assert isinstance(store, S3ArtifactStore)
    refused(store, tmp_path)


def test_a_wrong_secret_is_refused(s3_settings: ArtifactSettings, tmp_path: Path):
    S3ArtifactStore(s3_settings).put_bytes("a", b"x", TEXT)
    refused(S3ArtifactStore(s3_settings.model_copy(update={"secret_key": SecretStr("wrong")})), tmp_path)


def test_the_bucket_is_made_by_whoever_comes_first(s3_settings: ArtifactSettings):
    first, second = S3ArtifactStore(s3_settings), S3ArtifactStore(s3_settings)
    first.put_bytes("a", b"x", TEXT)
    second.ping()
    assert second.keys("") == ["a"]


def test_the_settings_choose(tmp_path: Path):
    store = artifact_store(ArtifactSettings(directory=tmp_path, link_key=SecretStr("shared")))
    assert isinstance(store, LocalArtifactStore)
    link = store.link("a", 60, "a.txt")
    key, _, query = link.removeprefix("/api/v1/files/").partition("?")
    assert LinkSigner(SecretStr("shared")).check(key, query) == "a.txt"
