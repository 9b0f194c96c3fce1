"""What is kept on a machine, and for how long."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.adapters.memory import MemoryArtifactStore
from shared.errors import ArtifactNotFound, ChecksumMismatch
from shared.results import InstalledFile
from workers.cache import Cache, Wanted

SIZE = 1_000


class Store(MemoryArtifactStore):
    """Counts what is fetched; ``pause`` is waited for first."""

    def __init__(self):
        super().__init__()
        self.fetched = []
        self.asked, self.pause = threading.Event(), threading.Event()
        self.pause.set()

    def fetch(self, key, path):
        self.fetched.append(key)
        self.asked.set()
        assert self.pause.wait(20)
        return super().fetch(key, path)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def cache(tmp_path, store):
    return Cache(tmp_path / "kept", store, 3 * SIZE)


def wanted(store, name, version="1", content=None):
    content = content or name.encode() * SIZE
    store.put_bytes(f"{name}/{version}", content[:SIZE], "x/y")
    file = InstalledFile(name="file", size=SIZE, sha256=hashlib.sha256(content[:SIZE]).hexdigest())
    return Wanted(name, version, [file], lambda _file: f"{name}/{version}")


def here(cache):
    return sorted(path.parent.parent.name for path in cache._directory.glob("*/*/file"))


def test_the_least_recently_wanted_goes_first(store, cache):
    first, second, third, fourth = (wanted(store, name) for name in "abcd")
    for each in (first, second, third):
        cache.ensure(each)
    os.utime(cache._directory / "b" / ".1.use", (1, 1))
    cache.ensure(fourth)
    assert here(cache) == ["a", "c", "d"]
    os.utime(cache._directory / "a" / ".1.use", (1, 1))
    cache.ensure(first)  # wanted again
    os.utime(cache._directory / "c" / ".1.use", (2, 2))
    cache.ensure(second)
    assert here(cache) == ["a", "b", "d"]
    assert store.fetched.count("a/1") == 1


def test_what_another_process_uses_stays(store, cache, tmp_path):
    path, pin = cache.ensure(wanted(store, "a"))
    del pin
    lock = path.with_name(".1.use")
    code = (
        f"import fcntl; f = open({str(lock)!r}); fcntl.flock(f, fcntl.LOCK_SH); print('held', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        for name in "bcde":
            cache.ensure(wanted(store, name))
        assert path.is_dir()
        other.communicate(b"\n", timeout=20)
    cache.ensure(wanted(store, "f"))
    assert not path.exists()


def test_what_is_larger_than_the_limit_is_kept_while_it_is_used(store, tmp_path):
    cache = Cache(tmp_path / "kept", store, 10)
    path, pin = cache.ensure(wanted(store, "a"))
    assert (path / "file").stat().st_size == SIZE
    del pin


def test_processes_that_want_the_same_fetch_it_once(store, tmp_path):
    caches = [Cache(tmp_path / "kept", store, 3 * SIZE) for _ in range(3)]
    asked = wanted(store, "a")
    store.pause.clear()
    threads = [threading.Thread(target=cache.ensure, args=(asked,)) for cache in caches]
    for thread in threads:
        thread.start()
    assert store.asked.wait(20)
    store.pause.set()
    for thread in threads:
        thread.join(20)
    assert store.fetched == ["a/1"]
    assert here(caches[0]) == ["a"]


def test_what_a_killed_process_left_is_no_obstacle(store, cache):
    asked = wanted(store, "a")
    for word in ("new", "old"):
        (cache._directory / "a" / f".1.{word}" / "x").mkdir(parents=True)
    path, _ = cache.ensure(asked)
    assert sorted(each.name for each in path.parent.iterdir()) == [".1.fetch", ".1.use", "1"]


def test_a_broken_copy_is_replaced_even_while_somebody_uses_it(store, cache, tmp_path):
    path, pin = cache.ensure(wanted(store, "a"))
    (path / "file").write_bytes(b"b" * SIZE)
    with (path / "file").open("rb") as used:
        again, _ = Cache(tmp_path / "kept", store, 3 * SIZE).ensure(wanted(store, "a"))
        assert (again / "file").read_bytes() == b"a" * SIZE
        assert used.read() == b"b" * SIZE, "whoever has it open goes on"
    assert pin


def test_what_cannot_be_fetched_leaves_nothing(store, cache):
    asked = wanted(store, "a")
    store.put_bytes("a/1", b"x" * SIZE, "x/y")
    with pytest.raises(ChecksumMismatch, match="file: expected sha256"):
        cache.ensure(asked)
    store.delete("a/1")
    with pytest.raises(ArtifactNotFound):
        cache.ensure(asked)
    assert here(cache) == []
    assert not [path for path in (cache._directory / "a").iterdir() if path.is_dir()]


def test_files_are_closed_when_nobody_uses_them_any_more(store, cache):
    before = len(list(Path("/proc/self/fd").iterdir()))
    pins = [cache.ensure(wanted(store, name)) for name in "abc"]
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 3
    pins.clear()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
