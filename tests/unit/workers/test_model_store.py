import hashlib
import threading

import pytest

from shared.adapters.memory import MemoryArtifactStore, MemoryWorkerBeacon, MemoryWorkers
from shared.errors import ModelNotInstalled, ModelUnusable
from shared.results import InstalledFile, InstalledModel
from workers.installation import version_of
from workers.model_store import ModelStore, model_key

FILES = {"w.pth": b"weights" * 1000, "classes.json": b'["a"]'}


class CountingArtifactStore(MemoryArtifactStore):
    def __init__(self):
        super().__init__()
        self.fetched: list[str] = []
        self.on_fetch = lambda: None

    def fetch(self, key, path):
        self.on_fetch()
        self.fetched.append(key)
        return super().fetch(key, path)


@pytest.fixture
def artifacts():
    return CountingArtifactStore()


@pytest.fixture
def beacon():
    return MemoryWorkerBeacon(MemoryWorkers())


@pytest.fixture
def store(tmp_path, artifacts, beacon):
    return ModelStore(tmp_path / "models", artifacts, beacon)


def install(artifacts, beacon, files, name="tiny"):
    listed = [
        InstalledFile(name=each, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for each, content in files.items()
    ]
    model = InstalledModel(
        name=name, version=version_of(listed), files=listed, variants=[], source="test", installed_at="now"
    )
    for each, content in files.items():
        artifacts.put_bytes(model_key(name, model.version, each), content, "application/octet-stream")
    beacon.install(model)
    return model


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def folders(path):
    return [each for each in path.iterdir() if each.is_dir()]


def test_a_model_is_fetched_once_and_then_it_is_here(store, artifacts, beacon, tmp_path):
    model = install(artifacts, beacon, FILES)
    found = store.ensure("tiny")
    assert found.model == model
    assert found.path == tmp_path / "models" / "tiny" / model.version
    assert contents(found.path) == FILES
    store.ensure("tiny")
    ModelStore(tmp_path / "models", artifacts, beacon).ensure("tiny")
    assert len(artifacts.fetched) == len(FILES)


def test_a_broken_copy_is_fetched_again(store, artifacts, beacon, tmp_path):
    install(artifacts, beacon, FILES)
    (store.ensure("tiny").path / "w.pth").write_bytes(b"Weights" * 1000)
    fresh = ModelStore(tmp_path / "models", artifacts, beacon)
    assert contents(fresh.ensure("tiny").path) == FILES
    (fresh.ensure("tiny").path / "classes.json").unlink()
    assert contents(ModelStore(tmp_path / "models", artifacts, beacon).ensure("tiny").path) == FILES


def test_a_model_that_is_not_installed_is_named_with_those_that_are(store, artifacts, beacon):
    install(artifacts, beacon, FILES)
    with pytest.raises(ModelNotInstalled, match="other is not installed; installed: tiny"):
        store.ensure("other")


def test_a_newer_version_is_taken_when_it_is_there(store, artifacts, beacon):
    install(artifacts, beacon, FILES)
    store.ensure("tiny")
    newer = install(artifacts, beacon, {**FILES, "w.pth": b"better"})
    assert store.ensure("tiny").model == newer
    assert contents(store.ensure("tiny").path)["w.pth"] == b"better"


def test_files_that_are_not_what_was_installed_are_refused_and_leave_nothing(store, artifacts, beacon, tmp_path):
    model = install(artifacts, beacon, FILES)
    artifacts.put_bytes(model_key("tiny", model.version, "w.pth"), b"evil", "application/octet-stream")
    with pytest.raises(ModelUnusable, match=r"w\.pth: expected sha256"):
        store.ensure("tiny")
    assert folders(tmp_path / "models" / "tiny") == []


def test_files_that_are_gone_make_the_model_unusable(store, artifacts, beacon, tmp_path):
    model = install(artifacts, beacon, FILES)
    artifacts.delete(model_key("tiny", model.version, "classes.json"))
    with pytest.raises(ModelUnusable, match="missing from the artifact store"):
        store.ensure("tiny")
    assert folders(tmp_path / "models" / "tiny") == []


def test_a_model_replaced_while_it_is_fetched_gives_the_newer_one(store, artifacts, beacon):
    old = install(artifacts, beacon, FILES)
    newer = None

    def replace():
        nonlocal newer
        if newer is None:
            newer = install(artifacts, beacon, {"w.pth": b"better"})
            for each in FILES:
                artifacts.delete(model_key("tiny", old.version, each))

    artifacts.on_fetch = replace
    assert store.ensure("tiny").model == newer


def test_threads_that_ask_together_fetch_together(store, artifacts, beacon):
    install(artifacts, beacon, FILES)
    together = threading.Barrier(4)
    found = []

    def ask():
        together.wait(20)
        found.append(store.ensure("tiny").path)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert len(artifacts.fetched) == len(FILES)


def test_a_model_stays_here_as_long_as_somebody_uses_it(tmp_path, artifacts, beacon):
    store = ModelStore(tmp_path / "models", artifacts, beacon, limit=1)
    install(artifacts, beacon, FILES)
    install(artifacts, beacon, {"w": b"1"}, name="other")
    used = store.ensure("tiny")
    store.ensure("other")
    assert contents(used.path) == FILES
    path = used.path
    del used
    install(artifacts, beacon, {"w": b"2"}, name="third")
    store.ensure("third")
    assert not path.exists()
    assert contents(store.ensure("tiny").path) == FILES
