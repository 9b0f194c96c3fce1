"""What nobody goes on with, has or reads any more is removed; nothing else."""

import hashlib

import pytest

from shared.adapters.memory import MemoryArtifactStore, MemoryUploadStore, MemoryWorkerBeacon, MemoryWorkers
from shared.errors import UploadNotFound
from shared.media import content_key
from shared.results import InstalledFile, InstalledMedium
from shared.uploads import Upload, UploadPart
from workers.tidying import Tidied, Tidying


class House:
    """Twins, and a clock that a test moves on."""

    def __init__(self, unused_s: float = 0.0, records_s: float = 1e9) -> None:
        self.now = 1_000.0
        self.artifacts = MemoryArtifactStore()
        self.uploads = MemoryUploadStore(lambda: self.now)
        self.beacon = MemoryWorkerBeacon(MemoryWorkers(lambda: self.now))
        self.tidying = Tidying(
            self.artifacts, self.uploads, self.beacon, idle_s=100.0, unused_s=unused_s, records_s=records_s
        )

    def upload(self, name: str, content: bytes = b"0123456789") -> Upload:
        upload = self.uploads.create(Upload(id=name), 99)
        part = UploadPart(name=upload.next_part(), size=len(content))
        self.artifacts.put_bytes(upload.key(part), content, "x/y")
        return self.uploads.replace(upload.with_part(part))

    def medium(self, name: str, origin: str = "upload") -> InstalledMedium:
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        file = InstalledFile(name=name, size=len(name), sha256=sha256)
        about = {"container": "mp4", "codec": "h264", "width": 1, "height": 1, "fps": 1.0, "frames": 1}
        rest = {"duration_s": 1.0, "licence": "", "installed_at": "", "version": sha256[:16], "kind": "video"}
        medium = InstalledMedium.model_validate({"name": name, "file": file, "origin": origin, **about, **rest})
        self.artifacts.put_bytes(content_key(sha256), name.encode(), "x/y")
        self.beacon.add_medium(medium)
        return medium

    def tidy(self, orphan_s: float = 0.0) -> Tidied:
        return self.tidying.tidy(orphan_s, lambda: None)


def test_uploads_that_nobody_went_on_with_go():
    house = House()
    house.upload("old")
    house.now += 90
    house.upload("young")
    house.now += 20

    assert house.tidy() == Tidied(uploads=1, freed_bytes=10)
    assert {key.split("/")[1] for key in house.artifacts.keys("")} == {"young"}
    with pytest.raises(UploadNotFound):
        house.uploads.get("old")
    assert house.tidy() == Tidied()


@pytest.mark.parametrize(("records_s", "left"), [(0.0, 1), (1e6, 2)])
def test_files_of_recorded_sessions_go_when_they_are_old(records_s: float, left: int):
    house = House(records_s=records_s)
    house.artifacts.put_bytes("sessions/s/results-00000000.jsonl", b"12345", "x/y")
    house.artifacts.put_bytes("jobs/s/1/other", b"12345", "x/y")

    assert house.tidy().freed_bytes == 5 * (2 - left)
    assert len(house.artifacts.keys("")) == left


def test_parts_of_used_and_forgotten_uploads_go_once_they_are_old_enough():
    house = House()
    used = house.upload("used")
    house.uploads.replace(used.used("a-job"), keep_s=1_000)
    house.artifacts.put_bytes("uploads/forgotten/part-0", b"12345", "x/y")
    house.upload("open")

    assert house.tidy(orphan_s=50.0) == Tidied(), "whoever puts it may be about to say so"
    assert house.tidy() == Tidied(freed_bytes=15)
    assert len(house.artifacts.keys("uploads/open/")) == 1


def test_contents_without_a_medium_go():
    house = House()
    medium = house.medium("kept")
    house.artifacts.put_bytes(content_key("0" * 64), b"12345", "x/y")

    assert house.tidy(orphan_s=50.0) == Tidied()
    assert house.tidy() == Tidied(orphans=1, freed_bytes=5)
    assert house.artifacts.keys("") == [content_key(medium.file.sha256)]


def test_uploaded_media_that_nobody_reads_go_if_the_operator_says_so():
    for unused_s, left in ((0.0, ["catalogued", "read", "unread"]), (100.0, ["catalogued", "read"])):
        house = House(unused_s)
        house.medium("unread")
        house.medium("read")
        house.medium("catalogued", "catalogue")
        house.now += 100
        house.beacon.use_medium("read")

        told = house.tidy()
        assert (list(house.beacon.media()), told.media) == (left, 3 - len(left))
        assert len(house.artifacts.keys("media/")) == len(left)
