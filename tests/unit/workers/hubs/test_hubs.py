"""The hubs that aren't plain addresses, each against a real server of its kind."""

import hashlib
import os

import pytest

from shared.errors import ChecksumMismatch, SourceRefused, SourceUnavailable
from shared.sources import FileSource, HubSource, ModelFile, S3Source, ZooSource
from tests.support.https import Ranged, http_server, send
from tests.support.hubs import Readings, tools
from tests.support.hugging import COMMIT, hugging_face
from workers.hubs.fetcher import Fetcher
from workers.hubs.files import FileHub
from workers.hubs.huggingface import HuggingFaceHub
from workers.hubs.zoo import ZooHub

CONTENT = bytes(range(256)) * 4_000
SHA = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


@pytest.fixture
def hugging(monkeypatch):
    """A large file, a small one, and a large one whose sum is wrong."""
    large = Ranged(CONTENT, stop_at=[HALF])
    files = {
        "some/repo/resolve/main/onnx/model.onnx": large,
        f"some/repo/resolve/{COMMIT}/onnx/model.onnx": large,
        f"some/repo/resolve/{COMMIT}/config.json": send(b"{}"),
        f"some/repo/resolve/{COMMIT}/wrong.onnx": send(b"other"),
    }
    sums = {path: SHA for path in files if path.endswith(".onnx")}
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hugging_face(files, sums) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def of_hub(member, revision=COMMIT):
    return HubSource(hf_repo="some/repo", revision=revision, member=member)


def test_a_branch_becomes_the_commit_it_names_and_a_large_file_its_sum(hugging, tmp_path):
    hub = HuggingFaceHub(tools(tmp_path, private_hosts=["127.0.0.2"]))
    origin = hub.fetch(of_hub("onnx/model.onnx", "main"), tmp_path / "m", Readings())
    assert (origin.name, origin.announced) == (f"some/repo@{COMMIT} (onnx/model.onnx)", SHA)
    assert origin.resumed
    assert (tmp_path / "m").read_bytes() == CONTENT


def test_a_token_goes_to_the_hub_and_nowhere_else(hugging, tmp_path):
    hub = HuggingFaceHub(tools(tmp_path, private_hosts=["127.0.0.2"]))
    hub.fetch(of_hub("onnx/model.onnx"), tmp_path / "m", Readings())
    told = {path.startswith("blob "): token for _, path, token in hugging.asked}
    assert told == {False: "Bearer hf_secret", True: None}


def test_a_small_file_comes_from_the_hub_itself(hugging, tmp_path):
    origin = HuggingFaceHub(tools(tmp_path)).fetch(of_hub("config.json"), tmp_path / "c", Readings())
    assert (origin.announced, (tmp_path / "c").read_bytes()) == (None, b"{}")


def test_where_a_hub_sends_us_is_judged(hugging, tmp_path):
    with pytest.raises(SourceRefused, match=r"isn't https"):
        HuggingFaceHub(tools(tmp_path)).fetch(of_hub("onnx/model.onnx"), tmp_path / "m", Readings())
    assert not [path for _, path, _ in hugging.asked if path.startswith("blob")]


def test_what_a_hub_says_of_a_file_is_compared(hugging, tmp_path):
    file = ModelFile(name="wrong.onnx", sources=[of_hub("wrong.onnx")])
    fetcher = Fetcher(tmp_path, tools(tmp_path, private_hosts=["127.0.0.2"]).settings)
    with pytest.raises(ChecksumMismatch, match=f"wrong.onnx: expected sha256 {SHA}"):
        fetcher.fetch(file, tmp_path / "m", Readings())


def test_a_file_that_a_hub_has_not(hugging, tmp_path):
    with pytest.raises(SourceUnavailable, match=rf"some/repo@{COMMIT} \(none.onnx\): .*404"):
        HuggingFaceHub(tools(tmp_path)).fetch(of_hub("none.onnx"), tmp_path / "m", Readings())


def test_a_hub_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(SourceUnavailable, match="some/repo@"):
        HuggingFaceHub(tools(tmp_path)).fetch(of_hub("x"), tmp_path / "m", Readings())


def test_the_zoo_is_where_the_settings_say(tmp_path):
    with http_server({"/mirror/2023/a%20b.xml": Ranged(CONTENT)}) as url:
        hub = ZooHub(tools(tmp_path, private_hosts=[], omz_url=f"{url}/mirror/"))
        origin = hub.fetch(ZooSource(omz="2023/a b.xml"), tmp_path / "m", Readings())
        with pytest.raises(SourceUnavailable, match="404"):
            hub.fetch(ZooSource(omz="2023/other.xml"), tmp_path / "m", Readings())
    assert origin.name == "Open Model Zoo (2023/a b.xml)"
    assert (tmp_path / "m").read_bytes() == CONTENT


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "models"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "a.onnx").write_bytes(CONTENT)
    (tmp_path / "secret").write_bytes(b"secret")
    (made / "out").symlink_to(tmp_path / "secret")
    (made / "in").symlink_to(made / "deep" / "a.onnx")
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize("name", ["deep/a.onnx", "in"])
def test_a_file_of_the_operator_s_folder(folder, tmp_path, name):
    readings = Readings()
    origin = FileHub(tools(tmp_path, folder=folder)).fetch(FileSource(file=name), tmp_path / "m", readings)
    assert origin.name == f"file {name}"
    assert (tmp_path / "m").read_bytes() == CONTENT
    assert readings.seen[0] == (0, len(CONTENT))
    assert readings.seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("out", SourceRefused),
        ("none", SourceUnavailable),
        ("deep", SourceUnavailable),
        ("pipe", SourceUnavailable),
    ],
)
def test_nothing_else_of_this_machine(folder, tmp_path, name, error):
    with pytest.raises(error):
        FileHub(tools(tmp_path, folder=folder)).fetch(FileSource(file=name), tmp_path / "m", Readings())
    assert not (tmp_path / "m").exists()


def test_no_folder_no_files(tmp_path):
    with pytest.raises(SourceRefused, match="FRAMELANE_SOURCES__FOLDER"):
        FileHub(tools(tmp_path)).fetch(FileSource(file="a"), tmp_path / "m", Readings())


def test_sources_are_tried_in_order_and_each_says_why_not(folder, tmp_path):
    sources = [S3Source(s3="bucket/key"), FileSource(file="none"), FileSource(file="deep/a.onnx")]
    settings = tools(tmp_path, folder=folder).settings
    got = Fetcher(tmp_path, settings).fetch(ModelFile(name="m", sources=sources), tmp_path / "m", Readings())
    assert (got.source, got.sha256, got.size, got.pinned) == ("file deep/a.onnx", SHA, len(CONTENT), False)
    with pytest.raises(SourceUnavailable) as caught:
        Fetcher(tmp_path, settings).fetch(ModelFile(name="m", sources=sources[:2]), tmp_path / "m", Readings())
    assert "s3://bucket/key: no S3 server is set" in caught.value.detail
    assert "file none: there is no such file" in caught.value.detail
    with pytest.raises(SourceRefused):
        Fetcher(tmp_path, settings).fetch(ModelFile(name="m", sources=sources[:1]), tmp_path / "m", Readings())


def test_a_beginning_that_proves_wrong_is_forgotten_and_the_file_fetched_anew(tmp_path):
    """A crash of the machine can leave a hole in what an earlier attempt had written."""
    known = tools(tmp_path)
    with http_server({"/m": Ranged(CONTENT, stop_at=[HALF, HALF])}) as url:
        file = ModelFile.model_validate({"name": "m", "sha256": SHA, "sources": [{"url": f"{url}/m"}]})
        fetcher = Fetcher(tmp_path, known.settings, known.partials)
        with pytest.raises(SourceUnavailable):
            fetcher.fetch(file, tmp_path / "m", Readings())
        (partial,) = (tmp_path / "partial").glob("*.part")
        partial.write_bytes(b"\0" * HALF)
        got = fetcher.fetch(file, tmp_path / "m", Readings())
    assert got.pinned
    assert (tmp_path / "m").read_bytes() == CONTENT
