import hashlib
import threading

import pytest

from shared.adapters.memory import MemoryArtifactStore, MemoryWorkerBeacon, MemoryWorkers
from shared.errors import JobCancelled, ModelNotInstalled, ModelUnusable, OutOfSpace
from shared.results import VariantDetails
from workers.installation import Installation, Replaced, is_whole, restore, stage, succeeding
from workers.model_sweep import sweep_models


def nothing() -> None:
    """Never stops the work."""


class Stores:
    """What all jobs share, and models to install from ``folder``."""

    def __init__(self, folder):
        self.artifacts = MemoryArtifactStore()
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self._folder = folder

    def job(self):
        return Installation(self.artifacts, self.beacon)

    def version(self, content):
        folder = self._folder / content
        folder.mkdir(exist_ok=True)
        (folder / "w.pth").write_text(content)
        return stage("tiny", folder, "here", nothing)

    def install(self, content):
        with self.job() as job:
            job.upload(self.version(content), nothing)
            job.register(nothing)

    @property
    def sound(self):
        """What is registered is there, and nothing else is."""
        (model,) = self.beacon.models().values()
        return is_whole(self.artifacts, model) and len(self.artifacts.keys("")) == len(model.files)


@pytest.fixture
def stores(tmp_path):
    return Stores(tmp_path)


def test_a_version_that_another_job_replaced_meanwhile_is_stored_again(stores):
    stores.install("v1")
    with stores.job() as slow:
        slow.upload(stores.version("v1"), nothing)  # skipped: it is there
        stores.install("v2")  # and takes v1's files away
        slow.register(nothing)
    assert next(iter(stores.beacon.models().values())).version == stores.version("v1").record.version
    assert stores.sound


def fail(stores, meanwhile):
    """A job that is cancelled after its upload."""
    with stores.job() as unlucky:
        unlucky.upload(stores.version("v1"), nothing)
        meanwhile()
        raise JobCancelled


def test_what_a_failing_job_stored_may_be_gone_for_a_job_that_counted_on_it(stores):
    with stores.job() as lucky:
        with pytest.raises(JobCancelled):
            fail(stores, lambda: lucky.upload(stores.version("v1"), nothing))
        assert stores.artifacts.keys("") == []
        lucky.register(nothing)
    assert stores.sound


def test_a_failing_job_leaves_what_another_registered(stores):
    with pytest.raises(JobCancelled):
        fail(stores, lambda: stores.install("v1"))
    assert stores.sound


def impatient_job(stores, check):
    with stores.job() as job:
        job.upload(stores.version("v1"), nothing)
        job.register(check)


def test_registering_waits_for_whoever_registers_and_can_be_stopped(stores):
    assert stores.beacon.hold_models("another", 60)
    looks = []

    def impatient():
        looks.append(1)
        if len(looks) > 4:
            stores.beacon.release_models("another")
            raise JobCancelled

    with pytest.raises(JobCancelled):
        impatient_job(stores, impatient)
    assert stores.beacon.models() == {}
    assert stores.artifacts.keys("") == []
    assert stores.beacon.hold_models("next", 60), "whoever was stopped holds nothing"


def test_jobs_side_by_side_leave_a_whole_model(stores):
    versions = ["v1", "v2"]
    for content in versions:
        stores.version(content)
    start = threading.Barrier(len(versions))
    failed = []

    def often(content):
        start.wait()
        try:
            for _ in range(30):
                stores.install(content)
        except Exception as error:  # noqa: BLE001 - told by the thread that asks
            failed.append(error)

    threads = [threading.Thread(target=often, args=(content,)) for content in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert stores.sound


def versions_of(stores):
    (model,) = stores.beacon.models().values()
    return [each.files[0].sha256[:4] for each in (model, *model.older)], model


def sums(*contents):
    return [hashlib.sha256(content.encode()).hexdigest()[:4] for content in contents]


def test_older_versions_are_kept_with_their_files_and_can_come_back(stores):
    for content in ("v1", "v2", "v3", "v4"):
        with Installation(stores.artifacts, stores.beacon, versions_kept=2) as job:
            job.upload(stores.version(content), nothing)
            job.register(nothing)
    named, model = versions_of(stores)
    assert named == sums("v4", "v3", "v2")
    assert all(is_whole(stores.artifacts, each) for each in (model, *model.older))
    assert len(stores.artifacts.keys("")) == 3
    with Installation(stores.artifacts, stores.beacon, versions_kept=2) as job:
        job.upload(stores.version("v2"), nothing)
        job.register(nothing)
    named, model = versions_of(stores)
    assert named == sums("v2", "v4", "v3")
    assert not any(each.older for each in model.older)
    stores.install("v5")  # keeps none
    assert versions_of(stores)[0] == sums("v5")
    assert stores.sound


def test_the_same_version_again_forgets_nothing(stores):
    stores.install("v1")
    (model,) = stores.beacon.models().values()
    older = stores.version("v0").record
    found = {"openvino-FP32": VariantDetails(precision="FP32")}
    stores.beacon.install(
        model.model_copy(update={"older": [older], "variants": ["openvino-FP32"], "details": found})
    )
    staged = stores.version("v1")
    record, dropped = succeeding(
        staged.record.model_copy(update={"variants": ["openvino-FP32"]}), stores.beacon.models()["tiny"], 1
    )
    assert (record.older, record.details, dropped) == ([older], found, [])


def test_a_version_that_was_to_replace_another_one_is_taken_back(stores):
    stores.install("v1")
    expected = stores.version("v1").record.version
    stores.install("v2")

    def install():
        with stores.job() as job:
            job.upload(stores.version("v3"), nothing)
            job.register(nothing, expecting={"tiny": expected})

    with pytest.raises(Replaced):
        install()
    assert versions_of(stores)[0] == sums("v2")
    assert stores.sound


def test_what_killed_installations_left_is_swept_once_it_is_old(stores):
    stores.install("v1")
    with Installation(stores.artifacts, stores.beacon, versions_kept=1) as job:
        job.upload(stores.version("v2"), nothing)
        job.register(nothing)
    Installation(stores.artifacts, stores.beacon).upload(stores.version("lost"), nothing)  # and killed here
    stores.artifacts.put_bytes("models/README", b"somebody else's", "text/plain")
    before = stores.artifacts.keys("")
    assert sweep_models(stores.artifacts, stores.beacon, 60, nothing) == (0, 0)
    assert stores.artifacts.keys("") == before
    assert sweep_models(stores.artifacts, stores.beacon, 0, nothing) == (1, len("lost"))
    (model,) = stores.beacon.models().values()
    assert all(is_whole(stores.artifacts, each) for each in (model, *model.older))
    assert len(stores.artifacts.keys("")) == 3
    assert stores.beacon.hold_models("next", 60)


def test_a_sweep_beside_an_installation_takes_nothing_from_it(stores):
    with stores.job() as slow:
        slow.upload(stores.version("v1"), nothing)
        assert sweep_models(stores.artifacts, stores.beacon, 0, nothing)[0] == 1
        slow.register(nothing)
    assert stores.sound


def test_a_kept_version_comes_back_and_the_newer_one_is_kept(stores):
    for content in ("v1", "v2"):
        with Installation(stores.artifacts, stores.beacon, versions_kept=1) as job:
            job.upload(stores.version(content), nothing)
            job.register(nothing)
    first = stores.version("v1").record.version
    assert restore(stores.artifacts, stores.beacon, "tiny", first, nothing).version == first
    assert versions_of(stores)[0] == sums("v1", "v2")
    assert len(stores.artifacts.keys("")) == 2
    with pytest.raises(ModelNotInstalled, match=f"no version 0000 of tiny; there are: {first}"):
        restore(stores.artifacts, stores.beacon, "tiny", "0000", nothing)
    with pytest.raises(ModelNotInstalled):
        restore(stores.artifacts, stores.beacon, "other", first, nothing)
    second = stores.version("v2").record
    stores.artifacts.delete(f"models/tiny/{second.version}/w.pth")
    with pytest.raises(ModelUnusable, match="missing"):
        restore(stores.artifacts, stores.beacon, "tiny", second.version, nothing)
    assert versions_of(stores)[0] == sums("v1", "v2")
    assert stores.beacon.hold_models("next", 60)


def test_models_have_a_quota_together(stores, tmp_path):
    def install(name, quota):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "w").write_bytes(b"1234567890")
        with Installation(stores.artifacts, stores.beacon, quota=quota) as job:
            job.upload(stage(name, folder, "here", nothing), nothing)
            job.register(nothing)

    install("a", 10)
    install("a", 10)  # what it replaces doesn't count
    with pytest.raises(OutOfSpace, match=r"b: 10 bytes, 5 are left.*FRAMELANE_MODELS__QUOTA_BYTES"):
        install("b", 15)
    assert list(stores.beacon.models()) == ["a"]
    install("b", 20)
    install("c", 0)
    assert len(stores.artifacts.keys("")) == 3
