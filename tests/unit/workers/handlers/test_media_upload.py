"""From a finished upload to a medium of the library, or to a reason why not."""

import hashlib
import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

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
from shared.errors import (
    ChecksumMismatch,
    JobCancelled,
    MediumNotInstalled,
    StoreUnavailable,
    UploadIncomplete,
    UploadNotFound,
    UploadUsed,
)
from shared.media import MediaCatalogue, content_key
from shared.media_errors import BY_CODE, FileExists, MediumRefused
from shared.media_library import MediaLibrary
from shared.ports import NewJob
from shared.results import MediaUploadResult
from shared.settings import MediaSettings, Settings, WorkerSettings
from shared.specs import MediaUploadSpec
from shared.uploads import Upload, UploadPart
from tests.support.leases import no_lease
from tests.support.media import make_video
from tests.support.workshop import CPU, Workshop
from workers.handlers import WorkerEnvironment
from workers.handlers.media_upload import MediaUpload
from workers.media_store import MediaStore
from workers.model_store import ModelStore

MEDIA = MediaSettings(images=3, set_bytes=200_000)


def jpeg(size: tuple[int, int] = (40, 30), colour: str = "teal") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "JPEG")
    return content.getvalue()


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in files.items():
            archive.writestr(name, each)
    return content.getvalue()


def tarred(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for each in entries:
            info = each if isinstance(each, tarfile.TarInfo) else tarfile.TarInfo(each[0])
            data = b"" if isinstance(each, tarfile.TarInfo) else each[1]
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


class Bench:
    """A handler over twins, and uploads for it."""

    def __init__(self, folder: Path) -> None:
        self.shop = Workshop(folder)
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self.artifacts = self.shop.artifacts
        self.uploads = MemoryUploadStore()
        self.store = MediaStore(folder / "media", self.artifacts, self.beacon)
        self.handler = MediaUpload(
            WorkerEnvironment(
                settings=Settings(worker=WorkerSettings(data_dir=folder), media=MEDIA),
                device=CPU,
                lane=Lane("io"),
                catalogue=Catalogue.model_validate([]),
                media=MediaCatalogue.model_validate([]),
                model_store=ModelStore(folder / "models", self.artifacts, self.beacon),
                media_store=self.store,
                artifacts=self.artifacts,
                beacon=self.beacon,
                attempts=self.shop.store,
                uploads=self.uploads,
                exclusive=no_lease(),
                benchmarks=MemoryBenchmarkWriter(MemoryBenchmarks()),
                variants=MemoryVariantWriter(MemoryPipelineStore()),
            )
        )

    def upload(self, content: bytes, parts: int = 3, **changes: Any) -> str:
        upload = self.uploads.create(Upload(id=str(uuid4()), filename="../../x", length=len(content)), 99)
        step = len(content) // parts + 1
        for at in range(0, len(content), step):
            piece = content[at : at + step]
            part = UploadPart(name=upload.next_part(), size=len(piece), sha256=hashlib.sha256(piece).hexdigest())
            self.artifacts.put_bytes(upload.key(part), piece, "application/octet-stream")
            upload = upload.with_part(part)
        return self.uploads.replace(upload.model_copy(update=changes)).id

    async def job(
        self, upload: str, name: str = "it", medium: str = "video", tenant: str = "default", **fields: Any
    ) -> str:
        job_id = f"job-{len(self.shop.jobs.jobs)}"
        task = MediaUploadSpec.model_validate({"upload": upload, "name": name, "medium": medium, **fields})
        await self.shop.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=job_id, tenant=tenant))
        return job_id

    def run(self, job_id: str, stop: Exception | None = None) -> MediaUploadResult:
        context = self.shop.context(self.shop.claim(job_id))
        if stop:
            context.stop(stop)
        try:
            return self.handler.run(context)
        finally:
            context.close()

    async def add(self, content: bytes, **fields: Any) -> MediaUploadResult:
        return self.run(await self.job(self.upload(content), **fields))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


async def test_a_video_becomes_a_medium_and_its_upload_goes(bench: Bench, film: bytes):
    result = await bench.add(film, licence="CC0")

    medium = result.medium
    assert (medium.name, medium.kind, medium.origin, medium.licence) == ("it", "video", "upload", "CC0")
    assert (medium.file.name, medium.file.size, medium.codec, medium.frames) == ("it.mp4", len(film), "mpeg4", 12)
    assert bench.beacon.media() == {"it": medium}
    assert bench.artifacts.keys("uploads/") == []
    assert len(bench.artifacts.keys("media/")) == 2
    assert bench.store.ensure("it", "default").path.read_bytes() == film

    twin = await bench.add(film, name="twin")
    assert (result.known, twin.known) == (False, True)
    assert len(bench.artifacts.keys("media/")) == 2, "the same content is stored once"


async def test_what_a_tenant_uploads_is_its_own(bench: Bench, film: bytes):
    assert (await bench.add(film, tenant="ours")).medium.tenant == "ours"
    assert (await bench.add(film, name="else", tenant="theirs")).medium.tenant == "theirs"
    assert bench.store.ensure("it", "ours").path.read_bytes() == film
    for other in ("theirs", "default", ""):
        with pytest.raises(MediumNotInstalled) as refused:
            bench.store.ensure("it", other)
        assert ("else" in str(refused.value)) == (other == "theirs"), "names of others aren't told"
    with pytest.raises(FileExists):
        await bench.add(film[:-1], tenant="theirs", replace=True)
    assert bench.store.ensure("it", "ours").path.read_bytes() == film


async def test_an_attempt_after_a_lost_one_goes_on_where_that_was_lost(bench: Bench, film: bytes):
    job_id = await bench.job(bench.upload(film))
    first = bench.run(job_id)
    bench.shop.clock.ahead_s += 60  # the worker died just before it could say that it was done
    bench.shop.upkeep.tend()

    again = bench.run(job_id)
    assert (again.medium, again.known) == (first.medium, True)
    other = await bench.job(bench.shop.jobs.jobs[job_id].record.spec.upload, name="other")
    with pytest.raises(UploadUsed):
        bench.run(other)


async def test_what_was_stored_before_a_worker_was_lost_is_swept(bench: Bench, film: bytes):
    job_id = await bench.job(bench.upload(film))
    lost = StoreUnavailable("the worker is gone")
    bench.beacon.add_medium = _raises(lost)  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        bench.run(job_id)
    assert bench.beacon.media() == {}
    assert len(bench.artifacts.keys("media/")) == 2

    library = MediaLibrary(bench.artifacts, bench.beacon)
    assert library.sweep(60.0, lambda: None) == (0, 0), "somebody may be about to register it"
    count, size = library.sweep(0.0, lambda: None)
    assert (count, bench.artifacts.keys("media/")) == (2, [])
    assert size > len(film)
    assert len(bench.artifacts.keys("uploads/")) > 0, "the job can be tried again"


async def test_a_photo_becomes_a_medium(bench: Bench):
    medium = (await bench.add(jpeg(), medium="photo")).medium

    assert (medium.kind, medium.codec, medium.width, medium.height) == ("photo", "jpeg", 40, 30)
    assert (medium.file.name, medium.frames, medium.duration_s) == ("it.jpg", 1, 0.0)
    assert bench.store.ensure("it", "default").path.read_bytes() == jpeg()


async def test_an_archive_becomes_a_folder_of_numbered_images(bench: Bench):
    images = [jpeg(colour=colour) for colour in ("red", "green", "blue")]
    medium = (
        await bench.add(
            zipped(**{"b10.jpg": images[2], "b9.JPG": images[1], "a.jpeg": images[0]}), medium="image_set"
        )
    ).medium

    assert (medium.kind, medium.codec, medium.frames, medium.width) == ("image_set", "jpeg", 3, 40)
    with ThreadPoolExecutor(4) as pool:  # several processes of a machine may want it at once
        folders = {each.path for each in pool.map(bench.store.ensure, ["it"] * 4, ["default"] * 4)}
    (folder,) = folders
    assert {path.name for path in folder.parent.iterdir()} == {"it.tar", "it.images"}
    found = sorted(folder.iterdir())
    assert [path.name for path in found] == [f"image_0000{number}.jpg" for number in (1, 2, 3)]
    assert [path.read_bytes() for path in found] == images
    assert bench.store.ensure("it", "default").path == folder

    again = await bench.add(
        tarred(("a.jpg", images[0]), ("b9.jpg", images[1]), ("b10.jpg", images[2])),
        name="twin",
        medium="image_set",
    )
    assert again.known, "the same images, packed in another way"


ONE = jpeg()


@pytest.mark.parametrize(
    ("content", "medium", "code"),
    [
        (b"no video", "video", "unsupported-container"),
        (b"\0\0\0\x18ftypisom" + bytes(90), "video", "invalid-video"),
        (b"no photo", "photo", "invalid-image"),
        (b"no archive", "image_set", "unsupported-archive-format"),
        (zipped(**{"a.jpg": ONE})[:-30], "image_set", "archive-corrupted"),
        (zipped(**{"set/a.jpg": ONE}), "image_set", "archive-contains-subdirectories"),
        (zipped(), "image_set", "archive-contains-no-images"),
        (zipped(**{"a.jpg": ONE, "b.png": ONE}), "image_set", "archive-mixed-image-extensions"),
        (zipped(**{"a.jpg": ONE, "b.txt": b"x"}), "image_set", "archive-disallowed-image-extension"),
        (zipped(**{"a.jpg": ONE, "b.jpg": jpeg((9, 9))}), "image_set", "archive-mixed-image-resolutions"),
        (zipped(**{"a.jpg": bytes(300_000)}), "image_set", "archive-uncompressed-too-large"),
        (zipped(**{f"{at}.jpg": ONE for at in range(4)}), "image_set", "archive-uncompressed-too-large"),
        (zipped(**{"../a.jpg": ONE}), "image_set", "unsafe-archive-path"),
        (tarred(("/etc/a.jpg", ONE)), "image_set", "unsafe-archive-path"),
        (tarred(link("a.jpg", "/etc/passwd")), "image_set", "unsafe-archive-path"),
    ],
)
async def test_what_is_not_taken_is_gone(bench: Bench, content: bytes, medium: str, code: str):
    with pytest.raises(BY_CODE[code]) as caught:
        await bench.add(content, medium=medium)

    assert caught.value.code == code
    assert caught.value.detail
    assert not caught.value.retryable
    assert bench.beacon.media() == {}
    assert bench.artifacts.keys("") == []
    assert bench.uploads.idle(0) == []


async def test_a_name_that_is_taken_gives_way_only_if_asked_to(bench: Bench, film: bytes):
    first = (await bench.add(film)).medium
    with pytest.raises(FileExists):
        await bench.add(jpeg(), medium="photo")
    assert bench.beacon.media() == {"it": first}
    assert len(bench.artifacts.keys("media/")) == 4, "a sweep has to remove what isn't registered"

    photo = (await bench.add(jpeg(), medium="photo", replace=True)).medium
    assert bench.beacon.media() == {"it": photo}
    assert content_key(first.file.sha256) not in bench.artifacts.keys("media/")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"complete": False}, UploadIncomplete),
        ({"sha256": "0" * 64}, ChecksumMismatch),
        ({"used_by": "x"}, UploadUsed),
    ],
)
async def test_uploads_that_can_not_be_used(
    bench: Bench, film: bytes, changes: dict[str, Any], error: type[Exception]
):
    job_id = await bench.job(bench.upload(film, **changes))
    with pytest.raises(error):
        bench.run(job_id)
    assert bench.beacon.media() == {}


async def test_uploads_of_which_parts_are_gone_or_others(bench: Bench, film: bytes):
    gone, other = bench.upload(film), bench.upload(film)
    bench.artifacts.delete(bench.artifacts.keys(f"uploads/{gone}/")[1])
    with pytest.raises(UploadNotFound, match="send the file again"):
        bench.run(await bench.job(gone))
    bench.artifacts.put_bytes(bench.artifacts.keys(f"uploads/{other}/")[1], b"other bytes", "x/y")
    with pytest.raises(ChecksumMismatch, match="part-00001"):
        bench.run(await bench.job(other))
    with pytest.raises(UploadNotFound):
        bench.run(await bench.job(str(uuid4())))


async def test_a_cancelled_job_leaves_the_upload(bench: Bench, film: bytes):
    job_id = await bench.job(bench.upload(film))
    with pytest.raises(JobCancelled):
        bench.run(job_id, JobCancelled())
    assert bench.beacon.media() == {}
    assert bench.artifacts.keys("media/") == []
    assert len(bench.artifacts.keys("uploads/")) == 3


def test_every_reason_has_a_code_and_says_itself():
    assert {"missing-filename", "unsupported-extension", "unsupported-container", "unsupported-codec"} < set(
        BY_CODE
    )
    assert len(BY_CODE) == len(MediumRefused.__subclasses__()) == 19
    assert all(each.title() and each.code != MediumRefused.code for each in BY_CODE.values())


def _raises(error: Exception) -> Any:
    def call(*_: object) -> None:
        raise error

    return call
