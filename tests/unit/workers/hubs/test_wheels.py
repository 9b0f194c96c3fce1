import pytest

from shared.catalogue import PackageSource
from shared.errors import JobCancelled, SourceUnavailable
from tests.support.wheels import build_wheel
from workers.hubs.wheels import WheelHub

WEIGHTS, LABELS = b"\x80weights" * 1000, b'["a", "b"]'


class Readings:
    def __init__(self):
        self.seen: list[tuple[int, int | None]] = []

    def transferred(self, done, total):
        self.seen.append((done, total))


@pytest.fixture
def index(tmp_path_factory, monkeypatch):
    """A folder that is all of the package index there is."""
    folder = tmp_path_factory.mktemp("index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def hub(tmp_path):
    return WheelHub(tmp_path / "sources")


def test_a_member_of_a_wheel_becomes_the_file_and_its_size_is_told(index, hub, tmp_path):
    wheel = build_wheel(index, "tiny_gestures", "1.0", {"tiny_gestures/models/w.pth": WEIGHTS})
    readings = Readings()
    source = PackageSource(requirement="tiny-gestures==1.0", member="tiny_gestures/models/w.pth")
    hub.fetch(source, tmp_path / "w.pth", readings)
    assert (tmp_path / "w.pth").read_bytes() == WEIGHTS
    size = wheel.stat().st_size
    assert readings.seen[-1] == (size, size)


def test_files_of_one_wheel_need_one_download(index, hub, tmp_path):
    members = {"tiny_gestures/w.pth": WEIGHTS, "tiny_gestures/classes.json": LABELS}
    wheel = build_wheel(index, "tiny_gestures", "1.0", members)
    hub.fetch(
        PackageSource(requirement="tiny-gestures==1.0", member="tiny_gestures/w.pth"), tmp_path / "w", Readings()
    )
    wheel.unlink()
    readings = Readings()
    hub.fetch(
        PackageSource(requirement="tiny-gestures==1.0", member="tiny_gestures/classes.json"),
        tmp_path / "c",
        readings,
    )
    assert (tmp_path / "c").read_bytes() == LABELS
    assert readings.seen == []


def test_a_version_that_is_not_there_is_named_with_what_pip_says(index, hub, tmp_path):
    build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    source = PackageSource(requirement="tiny-gestures==2.0", member="w")
    with pytest.raises(SourceUnavailable, match=r"tiny-gestures==2\.0: .*No matching distribution"):
        hub.fetch(source, tmp_path / "w", Readings())
    assert not (tmp_path / "w").exists()


def test_a_member_that_is_not_there_is_named(index, hub, tmp_path):
    build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    with pytest.raises(SourceUnavailable, match="the wheel has no other"):
        hub.fetch(PackageSource(requirement="tiny-gestures==1.0", member="other"), tmp_path / "w", Readings())


def test_a_broken_wheel_is_told(index, hub, tmp_path):
    wheel = build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    whole = wheel.read_bytes()
    # The last bytes hold the list of members; pip reads that too.
    wheel.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceUnavailable, match=r"tiny-gestures==1\.0"):
        hub.fetch(PackageSource(requirement="tiny-gestures==1.0", member="w"), tmp_path / "w", Readings())


def test_what_the_meter_raises_ends_pip(index, hub, tmp_path):
    class Stop:
        def transferred(self, done, total):
            raise JobCancelled

    build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    with pytest.raises(JobCancelled):
        hub.fetch(PackageSource(requirement="tiny-gestures==1.0", member="w"), tmp_path / "w", Stop())
