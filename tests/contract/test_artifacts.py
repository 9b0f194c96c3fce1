"""What every artifact store promises."""

import hashlib
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
import urllib3

from shared.adapters.links import PATH
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import ArtifactNotFound
from shared.ports import ArtifactStore, ObjectInfo, UploadForm
from tests.support.polling import eventually

TEXT = "text/plain"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content_of(artifacts: ArtifactStore, key: str) -> bytes:
    return b"".join(artifacts.read(key))


def test_bytes_come_back_with_their_description(artifacts: ArtifactStore):
    artifacts.ping()
    info = artifacts.put_bytes("jobs/1/a.txt", b"hello", TEXT)

    assert info == ObjectInfo("jobs/1/a.txt", 5, sha256(b"hello"), TEXT)
    assert artifacts.stat("jobs/1/a.txt") == info
    assert content_of(artifacts, "jobs/1/a.txt") == b"hello"


def test_files_come_back(artifacts: ArtifactStore, tmp_path: Path):
    source, copy = tmp_path / "in.bin", tmp_path / "deep" / "out.bin"
    copy.parent.mkdir()
    source.write_bytes(b"\x00\xff" * 1_000)

    info = artifacts.put_file("models/asl/1/w.pt", source, "application/octet-stream")

    assert info == ObjectInfo("models/asl/1/w.pt", 2_000, sha256(source.read_bytes()), "application/octet-stream")
    assert artifacts.fetch("models/asl/1/w.pt", copy) == info
    assert copy.read_bytes() == source.read_bytes()
    assert [each.name for each in copy.parent.iterdir()] == ["out.bin"]


def test_a_file_whose_sum_is_known_comes_back_and_may_be_gone_by_then(artifacts: ArtifactStore, tmp_path: Path):
    source, other, copy = tmp_path / "in.bin", tmp_path / "other.bin", tmp_path / "out.bin"
    source.write_bytes(b"\x00\xff" * 1_000)
    other.write_bytes(b"newer")

    for given in (source, source, other):
        digest = sha256(given.read_bytes())
        info = artifacts.put_file("models/asl/1/w.pt", given, TEXT, digest)
        assert info == ObjectInfo("models/asl/1/w.pt", given.stat().st_size, digest, TEXT)
        assert artifacts.stat("models/asl/1/w.pt") == info
        assert artifacts.fetch("models/asl/1/w.pt", copy) == info
        assert copy.read_bytes() == given.read_bytes()
    assert source.read_bytes() == b"\x00\xff" * 1_000, "what was replaced is nobody's any more"
    source.unlink()
    other.unlink()
    assert content_of(artifacts, "models/asl/1/w.pt") == b"newer"
    assert artifacts.sweep_uploads(0) == 0, "nothing is left of it"


def test_an_object_of_several_parts(artifacts: ArtifactStore, tmp_path: Path):
    source, copy = tmp_path / "large.bin", tmp_path / "copy.bin"
    block = bytes(range(256)) * 4096
    with source.open("wb") as file:
        for number in range(40):
            file.write(number.to_bytes(4, "big") + block)
    digest = sha256(source.read_bytes())

    assert artifacts.put_file("large.bin", source, "application/octet-stream").sha256 == digest

    assert artifacts.stat("large.bin").sha256 == digest
    assert artifacts.fetch("large.bin", copy).sha256 == digest
    assert sha256(copy.read_bytes()) == digest


def test_an_empty_object(artifacts: ArtifactStore):
    artifacts.put_bytes("empty", b"", TEXT)
    assert artifacts.stat("empty").size == 0
    assert content_of(artifacts, "empty") == b""


def test_the_last_one_put_counts(artifacts: ArtifactStore):
    artifacts.put_bytes("a", b"first", TEXT)
    info = artifacts.put_bytes("a", b"2nd--", "text/html")
    assert artifacts.stat("a") == info
    assert content_of(artifacts, "a") == b"2nd--"


def test_keys_by_prefix(artifacts: ArtifactStore):
    assert artifacts.keys("") == []
    names = ["jobs/1/a", "jobs/1/b.txt", "jobs/10/a", "jobs/2/x/y", "models/.hidden"]
    for name in reversed(names):
        artifacts.put_bytes(name, b"x", TEXT)

    assert artifacts.keys("") == names
    assert artifacts.keys("jobs/1/") == ["jobs/1/a", "jobs/1/b.txt"]
    assert artifacts.keys("jobs/1") == ["jobs/1/a", "jobs/1/b.txt", "jobs/10/a"]
    assert artifacts.keys("jobs/2/x/y") == ["jobs/2/x/y"]
    assert artifacts.keys("jobs/1/a/") == []


def test_delete_is_for_good_and_may_be_repeated(artifacts: ArtifactStore):
    artifacts.put_bytes("jobs/1/a", b"x", TEXT)
    artifacts.put_bytes("jobs/1/b", b"x", TEXT)

    artifacts.delete("jobs/1/a")
    artifacts.delete("jobs/1/a")
    artifacts.delete("never/there")

    assert artifacts.keys("") == ["jobs/1/b"]
    with pytest.raises(ArtifactNotFound):
        artifacts.stat("jobs/1/a")


def test_what_is_missing(artifacts: ArtifactStore, tmp_path: Path):
    artifacts.put_bytes("folder/a", b"x", TEXT)
    for key in ("a", "folder", "folder/b", "folder/a/b"):
        with pytest.raises(ArtifactNotFound):
            artifacts.stat(key)
        with pytest.raises(ArtifactNotFound):
            artifacts.read(key)
        with pytest.raises(ArtifactNotFound):
            artifacts.fetch(key, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a\\b",
        "a b",
        "é",
        "a\n",
        "a\0",
        "a%2fb",
        "x" * 901,
    ],
)
def test_other_keys_are_refused(artifacts: ArtifactStore, key: str, tmp_path: Path):
    for call in (
        lambda: artifacts.put_bytes(key, b"", TEXT),
        lambda: artifacts.put_file(key, Path(__file__), TEXT),
        lambda: artifacts.stat(key),
        lambda: artifacts.read(key),
        lambda: artifacts.fetch(key, tmp_path / "copy"),
        lambda: artifacts.delete(key),
        lambda: artifacts.link(key, 60, "a"),
    ):
        with pytest.raises(ValueError, match="not a key of ours"):
            call()


def test_a_reader_that_stops_early_leaves_nothing_open(artifacts: ArtifactStore):
    artifacts.put_bytes("a", bytes(3_000_000), TEXT)
    chunks = artifacts.read("a")
    assert next(chunks)
    del chunks
    artifacts.read("a")
    assert artifacts.stat("a").size == 3_000_000


# --- sweeping ----------------------------------------------------------------------------------------------------


def test_a_listing_has_sizes_and_ages(artifacts: ArtifactStore):
    assert list(artifacts.listing("jobs/")) == []
    for number, key in enumerate(["jobs/1/1/a", "jobs/1/2/b", "jobs/10/1/a", "models/a"]):
        artifacts.put_bytes(key, b"x" * number, TEXT)

    found = list(artifacts.listing("jobs/1"))

    assert {each.key: each.size for each in found} == {"jobs/1/1/a": 0, "jobs/1/2/b": 1, "jobs/10/1/a": 2}
    assert all(0 <= each.age_s < 60 for each in found)
    assert {each.key for each in artifacts.listing("jobs/1/")} == {"jobs/1/1/a", "jobs/1/2/b"}
    assert sum(1 for _ in artifacts.listing("")) == 4


def test_an_object_grows_older_until_it_is_put_again(artifacts: ArtifactStore):
    artifacts.put_bytes("jobs/1/1/a", b"x", TEXT)
    # S3 tells full seconds, so what was put just now may look one second old.
    old_s = eventually(lambda: age_s if (age_s := next(artifacts.listing("jobs/")).age_s) > 2 else None)
    artifacts.put_bytes("jobs/1/1/a", b"y", TEXT)
    assert next(artifacts.listing("jobs/")).age_s < old_s


def test_removing_what_is_being_listed(artifacts: ArtifactStore):
    keys = {f"jobs/{number}/1/a" for number in range(30)}
    for key in keys:
        artifacts.put_bytes(key, b"x", TEXT)
    removed: set[str] = set()
    for each in artifacts.listing("jobs/"):
        artifacts.delete(each.key)
        removed.add(each.key)
    assert removed == keys
    assert artifacts.keys("") == []


def begin_upload(artifacts: ArtifactStore, key: str) -> bool:
    """As somebody who crashes before the end; False where there is no such thing."""
    if isinstance(artifacts, LocalArtifactStore):
        incoming = artifacts._incoming
        incoming.mkdir(parents=True, exist_ok=True)
        (incoming / f".{key}.part").write_bytes(b"half")
    elif isinstance(artifacts, S3ArtifactStore):
        upload = artifacts._client._create_multipart_upload(artifacts._bucket, key, {})
        artifacts._client._upload_part(artifacts._bucket, key, b"half", {}, upload, 1)
    else:
        return False
    return True


def test_what_crashed_uploads_left_is_removed_and_nothing_else(artifacts: ArtifactStore):
    assert artifacts.sweep_uploads(0) == 0
    artifacts.put_bytes("jobs/1/1/whole", b"x", TEXT)
    begun = sum([begin_upload(artifacts, f"half-{number}") for number in range(3)])

    assert artifacts.sweep_uploads(3_600) == 0
    assert artifacts.sweep_uploads(0) == begun
    assert artifacts.sweep_uploads(0) == 0

    assert artifacts.keys("") == ["jobs/1/1/whole"]
    assert content_of(artifacts, "jobs/1/1/whole") == b"x"


# --- links -----------------------------------------------------------------------------------------------------


def visit(artifacts: ArtifactStore, link: str) -> tuple[bool, str]:
    """Whether a link opens, and the filename it gives: over HTTP where the store serves it, else by its signer."""
    parts = urlsplit(link)
    if parts.scheme:
        answer = urllib3.request("GET", link, retries=False)
        return answer.status == 200, answer.headers.get("content-disposition", "")
    signer = artifacts.signer  # type: ignore[attr-defined]
    assert parts.path.startswith(PATH)
    try:
        return True, signer.check(parts.path.removeprefix(PATH), parts.query)
    except PermissionError:
        return False, ""


def changed(link: str, **query: str) -> str:
    """The link with some parameters exchanged; names are those of the store or, for S3, what stands for them."""
    parts = urlsplit(link)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    wire = {"signature": "X-Amz-Signature", "name": "response-content-disposition", "expires": "X-Amz-Expires"}
    for name, value in query.items():
        given[wire[name] if parts.scheme else name] = value
    return urlunsplit(parts._replace(query=urlencode(given)))


def test_a_link_opens_its_object_as_a_download(artifacts: ArtifactStore):
    artifacts.put_bytes("jobs/1/a.txt", b"hello", TEXT)

    link = artifacts.link("jobs/1/a.txt", 60, 'résumé; "a".txt')

    opened, name = visit(artifacts, link)
    assert opened
    if urlsplit(link).scheme:
        assert urllib3.request("GET", link).data == b"hello"
        assert name == "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%3B%20%22a%22.txt"
    else:
        assert name == 'résumé; "a".txt'


@pytest.mark.parametrize(
    "query",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "é"},
        {"name": "other.html"},
        {"expires": "99999"},
        {"expires": "99999999999"},
        {"expires": "x"},
        {"expires": ""},
    ],
)
def test_a_link_that_was_tampered_with_stays_shut(artifacts: ArtifactStore, query: dict[str, str]):
    artifacts.put_bytes("jobs/1/a.txt", b"hello", TEXT)
    link = artifacts.link("jobs/1/a.txt", 60, "a.txt")
    assert visit(artifacts, changed(link, **query))[0] is False


def test_a_link_opens_no_other_object(artifacts: ArtifactStore):
    artifacts.put_bytes("jobs/1/a.txt", b"hello", TEXT)
    artifacts.put_bytes("jobs/1/b.txt", b"secret", TEXT)
    link = artifacts.link("jobs/1/a.txt", 60, "a.txt")
    assert visit(artifacts, link.replace("a.txt?", "b.txt?"))[0] is False


def test_a_link_shuts_in_time(artifacts: ArtifactStore):
    artifacts.put_bytes("jobs/1/a.txt", b"hello", TEXT)
    link = artifacts.link("jobs/1/a.txt", 1, "a.txt")
    eventually(lambda: not visit(artifacts, link)[0])


def post(form: UploadForm, content: bytes, **changes: str) -> bool:
    """Whether the store took it."""
    fields = {**form.fields, **changes, "file": ("any name", content)}
    return urllib3.request("POST", form.url, fields=fields, retries=False).status < 300


def test_a_form_stores_one_object_of_one_size(artifacts: ArtifactStore):
    artifacts.ping()
    form = artifacts.upload_form("uploads/1/part-0", 5, 60)
    if form is None:
        assert not isinstance(artifacts, S3ArtifactStore)
        return
    for content in (b"hell", b"hello!"):
        assert not post(form, content)
    assert not post(form, b"hello", key="uploads/2/part-0")
    assert not post(form, b"hello", **{"x-amz-signature": "0" * 64})
    assert list(artifacts.listing("uploads/")) == []

    assert post(form, b"hello")
    assert content_of(artifacts, "uploads/1/part-0") == b"hello"
    (found,) = artifacts.listing("uploads/1/")
    assert (found.key, found.size) == ("uploads/1/part-0", 5)


def test_a_form_is_good_for_some_time(artifacts: ArtifactStore):
    artifacts.ping()
    form = artifacts.upload_form("uploads/1/part-0", 5, 1)
    if form is not None:
        eventually(lambda: not post(form, b"hello"))


@pytest.mark.parametrize(
    ("start", "length"), [(0, None), (0, 0), (0, 1), (999, 5), (70_000, None), (99_990, 100), (5, 90_000)]
)
def test_a_part_of_an_object(artifacts: ArtifactStore, start: int, length: int | None):
    content = bytes(range(250)) * 400
    artifacts.put_bytes("a", content, "x/y")
    expected = content[start : None if length is None else start + length]
    assert b"".join(artifacts.read("a", start, length)) == expected


def test_links_are_short(artifacts: ArtifactStore):
    artifacts.put_bytes("a", b"x", "x/y")
    for seconds in (0, 901, 86_400):
        with pytest.raises(ValueError, match="900"):
            artifacts.link("a", seconds, "a")
