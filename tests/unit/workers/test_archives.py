"""Archives as people make them, and as those make them who mean harm."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.archives import ArchiveRefused, Limits, checked_path, extract

LIMITS = Limits(entries=100, total=4 << 20, each=2 << 20, ratio=100)


def zipped(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            info.size = len(content) or info.size
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def unpack(archive: Path, limits: Limits = LIMITS) -> dict[str, bytes]:
    target = archive.with_suffix(".out")
    target.mkdir()
    files = extract(archive, target, limits, lambda: None)
    assert sorted(files) == sorted(path for path in target.rglob("*") if path.is_file())
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in files}


def refused(archive: Path, limits: Limits = LIMITS) -> str:
    before = set(archive.parent.iterdir())
    with pytest.raises(ArchiveRefused) as said:
        unpack(archive, limits)
    assert set(archive.parent.iterdir()) == before | {archive.with_suffix(".out")}, "something was written outside"
    return said.value.kind


def test_zips_and_tars_come_out_as_they_went_in(tmp_path):
    files = {"a.txt": b"a" * 100_000, "sub/b.txt": b"b", "sub/empty": b""}
    assert unpack(zipped(tmp_path / "1.zip", files)) == files
    assert unpack(zipped(tmp_path / "2.zip", files, zipfile.ZIP_STORED)) == files
    listed = [(member(name), content) for name, content in files.items()]
    assert unpack(tarred(tmp_path / "3.tgz", listed)) == files
    assert unpack(tarred(tmp_path / "4.tar", listed, "w:")) == files


def test_what_tar_makes_of_a_folder_is_taken(tmp_path):
    members = [
        (member("./", tarfile.DIRTYPE), b""),
        (member("./sub", tarfile.DIRTYPE), b""),
        (member("./sub/a"), b"1"),
    ]
    assert unpack(tarred(tmp_path / "a.tgz", members)) == {"sub/a": b"1"}


EVIL = [
    "../a",
    "a/../../b",
    "/etc/passwd",
    "..\\a",
    "a\\..\\b",
    "C:/a",
    "a\0b",
    "a//b",
    "a/./b",
    "..",
    "a/\n",
    "x" * 256,
    "a/" * 17 + "b",
    "\u202egpj.exe",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    if "\0" not in name:  # where tar's names end
        assert refused(tarred(tmp_path / "a.tgz", [(member(name), b"x")])) == "unsafe_path"
    with pytest.raises(ArchiveRefused):
        checked_path(name)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "..\\a", "a\0b"])
def test_zip_slip(tmp_path, name):
    path = zipped(tmp_path / "a.zip", {"?" * len(name): b"x"})
    path.write_bytes(path.read_bytes().replace(b"?" * len(name), name.encode()))
    assert refused(path) == "unsafe_path"


@given(st.text(min_size=1, max_size=40))
def test_a_checked_path_stays_inside(name):
    try:
        path = checked_path(name)
    except ArchiveRefused:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert os.path.normpath(f"/root/{path}").startswith("/root")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"Z"]
)
def test_links_and_devices_of_tars_are_refused(tmp_path, kind):
    members = [(member("a", kind, "/tmp"), b""), (member("a/evil"), b"x")]
    assert refused(tarred(tmp_path / "a.tgz", members)) == "not_a_file"


def test_symlinks_of_zips_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/tmp")
    assert refused(path) == "not_a_file"


def test_small_files_that_unpack_to_large_ones_are_refused(tmp_path):
    bomb = {f"{number}": b"\0" * 1_500_000 for number in range(2)}
    assert refused(zipped(tmp_path / "a.zip", bomb)) == "too_large"  # 1000 to 1
    assert (
        refused(tarred(tmp_path / "b.tgz", [(member(name), data) for name, data in bomb.items()])) == "too_large"
    )
    assert refused(zipped(tmp_path / "d.zip", {"a": b"\0" * (2 << 20) + b"1"})) == "too_large"
    assert unpack(zipped(tmp_path / "c.zip", {"a": b"\0" * 1_000_000})), "a megabyte is no bomb"


def test_a_zip_that_lies_about_a_size_is_stopped_where_it_lied(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a": b"\0" * 1_000_000})
    data = bytearray(path.read_bytes())
    for at in (22, data.index(b"PK\x01\x02") + 24):
        struct.pack_into("<L", data, at, 10)
    path.write_bytes(data)
    assert refused(path) == "corrupted"
    assert (tmp_path / "a.out" / "a").stat().st_size <= 10


def test_files_that_overlap_count_each_time(tmp_path):
    content = os.urandom(1_000_000)
    path = zipped(tmp_path / "a.zip", {"a": content}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02")
    entry = data[at : data.rindex(b"PK\x05\x06")]
    count = 50
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, at, 0)
    path.write_bytes(data[:at] + entry * count + end)
    assert refused(path) == "too_large"


def test_a_million_entries_are_refused_without_reading_them(tmp_path):
    path = tmp_path / "a.zip"
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    listed = central * 1_000_000
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(listed), len(local), 0)
    path.write_bytes(local + listed + end)
    assert refused(path, Limits()) == "too_many"
    small = Limits(entries=5)
    assert refused(zipped(tmp_path / "b.zip", {str(number): b"" for number in range(6)}), small) == "too_many"


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a"), ("a", "A"), ("\u00e9", "e\u0301"), ("a", "a/b"), ("a/b", "a")]
)
def test_names_that_are_the_same_somewhere_are_refused(tmp_path, one, other):
    assert refused(tarred(tmp_path / "a.tgz", [(member(one), b"1"), (member(other), b"2")])) == "duplicate"


def test_what_is_damaged_or_something_else_is_refused(tmp_path):
    good = zipped(tmp_path / "a.zip", {"a": os.urandom(10_000)}).read_bytes()
    for number, cut in enumerate((good[:5_000], good[:-10], good[:100] + b"\0" + good[101:])):
        (tmp_path / f"{number}").mkdir()
        path = tmp_path / f"{number}" / "a.zip"
        path.write_bytes(cut)
        assert refused(path) == "corrupted"
    for number, data in enumerate((b"", b"MZ whatever", b"\x1f\x8b" + b"\0" * 20, gzip.compress(b"no tar"))):
        (tmp_path / f"x{number}").mkdir()
        path = tmp_path / f"x{number}" / "a.zip"
        path.write_bytes(data)
        assert refused(path) in {"corrupted", "unsupported"}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.85])
def test_tars_that_break_off_are_refused(tmp_path, keep):
    whole = tarred(tmp_path / "a.tar", [(member(str(n)), os.urandom(3_000)) for n in range(5)], "w:").read_bytes()
    path = tmp_path / "b" / "b.tar"
    path.parent.mkdir()
    path.write_bytes(whole[: int(20_000 * keep)])
    assert refused(path) == "corrupted"


def test_a_password_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refused(path) == "encrypted"


def test_headers_of_a_gigabyte_and_endless_chains_of_them_are_refused(tmp_path):
    claims = member("././@PaxHeader", tarfile.XHDTYPE)
    claims.size = 1 << 30
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb") as file:
        file.write(claims.tobuf())
        file.write(b"\0" * 1_000_000)
    assert refused(path) == "corrupted"
    link = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    link.size = 512
    chain = tmp_path / "b" / "b.tar"
    chain.parent.mkdir()
    chain.write_bytes((link.tobuf(tarfile.GNU_FORMAT) + b"a" * 512) * 2_000)
    assert refused(chain) == "corrupted"


def test_negative_sizes_end_it(tmp_path):
    header = bytearray(member("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 11 + b"\x00"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + b"\0" * 2_048)
    assert refused(path) == "corrupted"


def test_ways_of_packing_that_can_blow_up_memory_are_refused(tmp_path):
    for number, packing in enumerate((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        (tmp_path / f"{number}").mkdir()
        assert refused(zipped(tmp_path / f"{number}" / "a.zip", {"a": b"x"}, packing)) == "unsupported"


def test_whoever_waits_can_end_it(tmp_path):
    class Enough(Exception):
        pass

    calls = []

    def check():
        calls.append(1)
        if len(calls) > 3:
            raise Enough

    path = zipped(tmp_path / "a.zip", {"a": zlib.compress(os.urandom(1_000_000))})
    (tmp_path / "out").mkdir()
    with pytest.raises(Enough):
        extract(path, tmp_path / "out", LIMITS, check)
    assert len(calls) == 4
