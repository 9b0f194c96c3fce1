import subprocess

import pytest

from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.catalogue import Catalogue
from shared.errors import (
    ChecksumMismatch,
    InvalidSpec,
    JobCancelled,
    ModelUnusable,
    SourceUnavailable,
    StoreUnavailable,
)
from shared.results import VariantDetails
from shared.settings import ModelSettings, Settings
from tests.support.downloads import Bench, entry, file, member, sha
from tests.support.wheels import build_wheel
from workers.handlers import WorkerEnvironment
from workers.handlers.model_download import ModelDownload, build

WEIGHTS, TASK = b"\x80weights" * 20_000, b"landmarks" * 5_000


TINY = entry("tiny", [file("w.pth", WEIGHTS, member("w.pth"))], requires={"image": ["hands"]})
HANDS = entry(
    "hands", [file("hands.task", TASK, member("hands.task"))], runtimes=["mediapipe"], category="landmarks"
)


@pytest.fixture(autouse=True)
def index(tmp_path_factory, monkeypatch):
    """All of the package index there is."""
    folder = tmp_path_factory.mktemp("index")
    build_wheel(folder, "tiny_gestures", "1.0", {"tiny_gestures/w.pth": WEIGHTS, "tiny_gestures/hands.task": TASK})
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, [TINY, HANDS])


async def test_a_model_is_installed_with_what_it_requires(bench):
    result = await bench.run("tiny")
    assert [model.name for model in result.models] == ["hands", "tiny"]
    assert bench.beacon.models() == {model.name: model for model in result.models}
    tiny = result.models[1]
    assert [(one.name, one.size, one.sha256) for one in tiny.files] == [("w.pth", len(WEIGHTS), sha(WEIGHTS))]
    assert tiny.version == sha(sha(WEIGHTS).encode())[:16]
    assert tiny.source == "tiny-gestures==1.0 (tiny_gestures/w.pth)"
    assert (bench.environment.model_store.ensure("tiny").path / "w.pth").read_bytes() == WEIGHTS
    assert (bench.environment.model_store.ensure("hands").path / "hands.task").read_bytes() == TASK


async def test_what_is_installed_already_is_not_fetched_again_unless_forced(bench):
    first = await bench.run("tiny")
    again = await bench.run("tiny")
    assert (again.models, again.downloaded_bytes) == (first.models, 0)
    forced = await bench.run("hands", force=True)
    assert forced.downloaded_bytes > 0
    assert [model.version for model in forced.models] == [first.models[0].version]


async def test_a_model_whose_files_are_gone_is_installed_again(bench):
    (first,) = (await bench.run("hands")).models
    bench.artifacts.delete(f"models/hands/{first.version}/hands.task")
    again = await bench.run("hands")
    assert again.downloaded_bytes > 0
    assert (bench.environment.model_store.ensure("hands").path / "hands.task").read_bytes() == TASK


async def test_progress_says_how_many_bytes_of_how_many(bench, index):
    said = []
    bench.shop.store.report = lambda _claim, progress: said.append(progress) or False
    await bench.run("hands")
    size = (index / "tiny_gestures-1.0-py3-none-any.whl").stat().st_size / 1e6
    assert any(progress.message.startswith(f"hands: {size:.1f} of {size:.1f} MB") for progress in said)
    assert said[0].message == "hands: waiting for its source"
    assert [progress.fraction for progress in said] == sorted(progress.fraction for progress in said)


async def test_the_first_source_that_can_be_read_is_used(tmp_path):
    sources = [member("w.pth", "9.9"), {"requirement": "no-such==1.0", "member": "x"}, member("w.pth")]
    bench = Bench(tmp_path, [entry("tiny", [file("w.pth", WEIGHTS, *sources)])])
    (model,) = (await bench.run("tiny")).models
    assert model.source == "tiny-gestures==1.0 (tiny_gestures/w.pth)"


async def test_no_source_fails_with_what_each_said_and_leaves_nothing(tmp_path):
    sources = [{"url": "https://127.0.0.1:1/w.pth"}, member("w.pth", "9.9")]
    bench = Bench(tmp_path, [HANDS, entry("tiny", [file("w.pth", WEIGHTS, *sources)])])
    with pytest.raises(SourceUnavailable) as caught:
        await bench.run("hands", "tiny")
    assert "https://127.0.0.1:1/w.pth: " in caught.value.detail
    assert "tiny-gestures==9.9: " in caught.value.detail
    assert bench.nothing_behind()


async def test_a_wrong_checksum_names_the_file_and_both_sums_and_leaves_nothing(tmp_path):
    wrong = file("w.pth", WEIGHTS, member("w.pth"), pinned="0" * 64)
    bench = Bench(tmp_path, [HANDS, entry("tiny", [wrong])])
    with pytest.raises(ChecksumMismatch, match=f"w.pth: expected sha256 {'0' * 64}, got {sha(WEIGHTS)}"):
        await bench.run("hands", "tiny")
    assert bench.nothing_behind()


async def test_a_full_store_leaves_nothing(bench):
    bench.artifacts.room = 1
    with pytest.raises(Exception, match="full"):
        await bench.run("tiny")
    assert bench.nothing_behind()


async def test_a_registry_that_is_away_leaves_nothing(bench):
    bench.beacon.absent = True
    with pytest.raises(StoreUnavailable):
        await bench.run("tiny")
    bench.beacon.absent = False
    assert bench.nothing_behind()
    await bench.run("tiny")


async def test_a_failing_repeat_leaves_what_was_installed(bench):
    first = await bench.run("tiny")
    bench.artifacts.room = 0
    bench.artifacts.delete(f"models/hands/{first.models[0].version}/hands.task")
    with pytest.raises(Exception, match="full"):
        await bench.run("tiny", force=True)
    assert (bench.environment.model_store.ensure("tiny").path / "w.pth").read_bytes() == WEIGHTS


async def test_a_cancelled_download_leaves_nothing(bench):
    bench.shop.store.report = lambda _claim, _progress: True
    with pytest.raises(JobCancelled):
        await bench.run("tiny")
    assert bench.nothing_behind()


async def test_an_attempt_that_lost_its_job_registers_nothing(bench):
    put = bench.artifacts.put_bytes

    def put_and_lose(key, content, media_type):
        bench.context.stop(JobCancelled())
        return put(key, content, media_type)

    bench.artifacts.put_bytes = put_and_lose
    with pytest.raises(JobCancelled):
        await bench.run("hands")
    assert bench.nothing_behind()


async def test_an_older_version_s_files_go_when_the_new_one_is_there(tmp_path, index):
    bench = Bench(tmp_path, [HANDS], settings={"models": ModelSettings(versions_kept=0)})
    (old,) = (await bench.run("hands")).models
    build_wheel(index, "tiny_gestures", "2.0", {"tiny_gestures/hands.task": b"better"})
    newer = entry("hands", [file("hands.task", b"better", member("hands.task", "2.0"))])
    bench.handler = ModelDownload(
        WorkerEnvironment(
            **{name: getattr(bench.environment, name) for name in WorkerEnvironment.__slots__}
            | {"catalogue": Catalogue.model_validate([newer])}
        )
    )
    (new,) = (await bench.run("hands")).models
    assert bench.artifacts.keys("models/") == [f"models/hands/{new.version}/hands.task"]
    assert new.version != old.version


async def test_an_unknown_model_is_refused_with_its_place(bench):
    with pytest.raises(InvalidSpec) as caught:
        await bench.run("tiny", "nonsense")
    assert caught.value.broken == (("/models/1", "unknown model 'nonsense'"),)


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ""])
async def test_a_catalogue_cannot_make_it_write_elsewhere(tmp_path, name):
    bench = Bench(tmp_path, [entry("tiny", [file(name, WEIGHTS, member("w.pth"))])])
    with pytest.raises(ValueError, match="without folders"):
        await bench.run("tiny")
    assert bench.nothing_behind()


def writes_variants(request, check):
    check()
    assert (request.entry.name, (request.folder / "w.pth").read_bytes()) == ("vino", WEIGHTS)
    for precision in request.precisions:
        (request.folder / f"openvino-{precision}.xml").write_text(f"<net precision='{precision}'/>")
        (request.folder / f"openvino-{precision}.bin").write_bytes(precision.encode())
    return {f"openvino-{precision}": VariantDetails(precision=precision) for precision in request.precisions}


VINO = entry("vino", [file("w.pth", WEIGHTS, member("w.pth"))], runtimes=["torch", "openvino"])


async def test_variants_are_part_of_the_model_and_those_it_had_stay(tmp_path):
    bench = Bench(tmp_path, [VINO], converter=writes_variants)
    (first,) = (await bench.run("vino", precisions=["FP32"])).models
    assert first.variants == ["openvino-FP32"]
    assert first.details == {"openvino-FP32": VariantDetails(precision="FP32")}
    assert [one.name for one in first.files] == ["openvino-FP32.bin", "openvino-FP32.xml", "w.pth"]
    (same,) = (await bench.run("vino", precisions=["FP32"])).models
    assert same == first
    (both,) = (await bench.run("vino", precisions=["FP16"])).models
    assert both.variants == ["openvino-FP16", "openvino-FP32"]
    assert (await bench.run("vino", precisions=[])).models == [both]


async def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    """The real helper, on weights that are none."""
    bench = Bench(tmp_path, [VINO])
    with pytest.raises(ModelUnusable, match="vino can't be converted"):
        await bench.run("vino")
    assert bench.nothing_behind()


def test_the_handler_is_found_by_its_kind(bench):
    handler = build(bench.environment)
    assert (handler.loaded(), handler.runtimes()) == ([], [])
    handler.warm([])
    handler.close()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_is_named_and_leaves_nothing(small_disk, tmp_path):
    big = bytes(range(256)) * 2_000
    index = tmp_path / "big-index"
    index.mkdir()
    build_wheel(index, "tiny_gestures", "3.0", {"tiny_gestures/w.pth": big})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_FIND_LINKS", str(index))
        bench = Bench(small_disk, [entry("tiny", [file("w.pth", big, member("w.pth", "3.0"))])])
        shop, handler = bench.shop, bench.handler
        shop.handler.work = handler.run
        await shop.submit()
        shop.runner.run("job")
    job = await shop.job()
    assert job.outcome
    assert job.outcome.error.code == "out-of-space"
    assert bench.nothing_behind()
    assert not any(shop.scratch_root.rglob("*"))


async def test_a_full_artifact_disk_leaves_nothing_there(small_disk, tmp_path):
    store = LocalArtifactStore(small_disk, LinkSigner(Settings().artifacts.link_key))
    big = [file("a.pth", WEIGHTS, member("w.pth")), file("b.pth", WEIGHTS, member("w.pth"))]
    bench = Bench(tmp_path, [entry("tiny", big)], artifacts=store)
    with pytest.raises(Exception, match=r"(?i)space|full"):
        await bench.run("tiny")
    assert bench.nothing_behind()
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
