import hashlib

import pytest

from shared.adapters.memory import (
    MemoryBenchmarks,
    MemoryBenchmarkWriter,
    MemoryPipelineStore,
    MemoryUploadStore,
    MemoryVariantWriter,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.catalogue import Catalogue
from shared.devices import Lane
from shared.errors import ChecksumMismatch, InvalidSpec, JobCancelled, MediumNotInstalled
from shared.media import MediaCatalogue, content_key, thumbnail_key
from shared.media_errors import FileExists, InvalidVideo
from shared.ports import NewJob
from shared.settings import Settings, WorkerSettings
from shared.specs import MediaDownloadSpec
from tests.support.leases import no_lease
from tests.support.media import make_video
from tests.support.wheels import build_wheel
from tests.support.workshop import CPU, Workshop
from workers.handlers import WorkerEnvironment
from workers.handlers.media_download import MediaDownload
from workers.media_store import MediaStore
from workers.model_store import ModelStore


def sha(content):
    return hashlib.sha256(content).hexdigest()


def contents(medium):
    """Keys of what is stored of it."""
    return [content_key(medium.file.sha256), thumbnail_key(medium.file.sha256)]


def entry(name, content, version="1.0", pinned=None):
    source = {"requirement": f"tiny-films=={version}", "member": f"tiny_films/{name}.mp4"}
    file = {"name": f"{name}.mp4", "sha256": pinned or sha(content), "sources": [source]}
    return {"name": name, "licence": "MIT", "file": file}


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture(autouse=True)
def index(tmp_path_factory, monkeypatch, film):
    """All of the package index there is."""
    folder = tmp_path_factory.mktemp("index")
    build_wheel(folder, "tiny_films", "1.0", {"tiny_films/film.mp4": film, "tiny_films/text.mp4": b"no film"})
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


class Bench:
    """A handler over twins, and jobs for it."""

    def __init__(self, folder, entries):
        self.shop = Workshop(folder)
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self.artifacts = self.shop.artifacts
        self.store = MediaStore(folder / "media", self.artifacts, self.beacon)
        self.folder = folder
        self.stop = None
        self.use(entries)

    def use(self, entries):
        self.handler = MediaDownload(
            WorkerEnvironment(
                settings=Settings(worker=WorkerSettings(data_dir=self.folder)),
                device=CPU,
                lane=Lane("io"),
                catalogue=Catalogue.model_validate([]),
                media=MediaCatalogue.model_validate(entries),
                model_store=ModelStore(self.folder / "models", self.artifacts, self.beacon),
                media_store=self.store,
                artifacts=self.artifacts,
                beacon=self.beacon,
                attempts=self.shop.store,
                uploads=MemoryUploadStore(),
                exclusive=no_lease(),
                benchmarks=MemoryBenchmarkWriter(MemoryBenchmarks()),
                variants=MemoryVariantWriter(MemoryPipelineStore()),
            )
        )

    async def run(self, *names):
        job_id = f"job-{len(self.shop.jobs.jobs)}"
        task = MediaDownloadSpec(media=list(names))
        await self.shop.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=job_id))
        context = self.shop.context(self.shop.claim(job_id))
        if self.stop:
            context.stop(self.stop)
        try:
            return self.handler.run(context)
        finally:
            context.close()


@pytest.fixture
def bench(tmp_path, film):
    return Bench(tmp_path, [entry("film", film), entry("text", b"no film")])


async def test_a_video_is_added_with_what_is_in_it(bench, film):
    result = await bench.run("film", "film")

    (medium,) = result.media
    assert bench.beacon.media() == {"film": medium}
    assert (medium.width, medium.height, medium.fps, medium.frames) == (64, 48, 10.0, 12)
    assert (medium.container, medium.codec, medium.duration_s, medium.licence) == ("mp4", "mpeg4", 1.2, "MIT")
    assert medium.version == sha(film)[:16]
    assert bench.artifacts.keys("media/") == contents(medium)
    assert result.downloaded_bytes > 0

    found = bench.store.ensure("film", "default")
    assert found.path.read_bytes() == film
    assert bench.store.ensure("film", "default") == found


async def test_what_is_there_is_not_fetched_again_unless_its_file_is_gone(bench, film):
    (medium,) = (await bench.run("film")).media
    again = await bench.run("film")
    assert (again.media, again.downloaded_bytes) == ([medium], 0)

    bench.artifacts.delete(contents(medium)[0])
    assert (await bench.run("film")).downloaded_bytes > 0
    assert bench.artifacts.keys("media/") == contents(medium)


async def test_the_file_of_an_older_version_goes(bench, index, tmp_path):
    await bench.run("film")
    longer = make_video(tmp_path / "longer.mp4", frames=20).read_bytes()
    build_wheel(index, "tiny_films", "2.0", {"tiny_films/film.mp4": longer})
    bench.use([entry("film", longer, "2.0")])

    (medium,) = (await bench.run("film")).media

    assert medium.frames == 20
    assert bench.artifacts.keys("media/") == contents(medium)
    assert bench.store.ensure("film", "default").path.read_bytes() == longer


async def test_what_is_no_video_is_not_added(bench):
    with pytest.raises(InvalidVideo, match=r"text\.mp4"):
        await bench.run("text")
    assert bench.beacon.media() == {}
    assert bench.artifacts.keys("") == []


async def test_what_somebody_uploaded_under_the_name_stays(bench):
    (medium,) = (await bench.run("film")).media
    theirs = medium.model_copy(
        update={"origin": "upload", "file": medium.file.model_copy(update={"sha256": "0" * 64})}
    )
    bench.beacon.add_medium(theirs)
    with pytest.raises(FileExists, match="another name"):
        await bench.run("film")
    assert bench.beacon.media() == {"film": theirs}


async def test_another_file_than_the_pinned_one_is_not_added(bench, film):
    bench.use([entry("film", film, pinned="0" * 64)])
    with pytest.raises(ChecksumMismatch):
        await bench.run("film")
    assert bench.beacon.media() == {}


async def test_an_unknown_medium_is_refused_with_its_place(bench):
    with pytest.raises(InvalidSpec) as caught:
        await bench.run("film", "nonsense")
    assert caught.value.broken == (("/media/1", "unknown medium 'nonsense'"),)


async def test_a_cancelled_download_adds_nothing(bench):
    bench.stop = JobCancelled()
    with pytest.raises(JobCancelled):
        await bench.run("film")
    assert bench.beacon.media() == {}


async def test_a_broken_copy_on_this_machine_is_fetched_again(bench, tmp_path, film):
    await bench.run("film")
    bench.store.ensure("film", "default").path.write_bytes(b"broken")
    fresh = MediaStore(tmp_path / "media", bench.artifacts, bench.beacon)
    assert fresh.ensure("film", "default").path.read_bytes() == film


async def test_what_is_not_in_the_library_is_said(bench):
    with pytest.raises(MediumNotInstalled, match="there are: none"):
        bench.store.ensure("film", "default")
    await bench.run("film")
    bench.artifacts.delete(bench.artifacts.keys("media/")[0])
    with pytest.raises(MediumNotInstalled, match="download it again"):
        bench.store.ensure("film", "default")
