"""Where files can come from: laws of paths and places."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.addresses import host_of, is_named
from shared.catalogue import load_catalogue
from shared.media import load_media
from shared.settings import SourceSettings
from shared.sources import AnySource, Member, Source, describe, form_of, source_refused, url_refused

MEMBER = TypeAdapter(Member)
SOURCE: TypeAdapter[Source] = TypeAdapter(AnySource)

paths = st.text(st.sampled_from("a.~/\\ \n\0é%"), max_size=12) | st.text(max_size=30)


@given(paths)
@example("..")
@example("a/..")
@example("...")
@example("a/../../b")
@example("/a")
@example("a/")
@example("a\n")
def test_a_path_that_is_taken_stays_below_where_it_is_put(path):
    try:
        taken = MEMBER.validate_python(path)
    except ValidationError:
        return
    parts = taken.split("/")
    assert taken == path
    assert not PurePosixPath(taken).is_absolute()
    assert not any(part in {"", ".", ".."} for part in parts)
    assert not any(ord(letter) < 32 or letter == "\\" for letter in taken)


@pytest.mark.parametrize("path", ["a", "a/b.xml", ".hidden", "..a/b", "a..b", "FP16/model name.bin", "ä"])
def test_ordinary_paths_are_taken(path):
    assert MEMBER.validate_python(path) == path


hosts = st.sampled_from(
    [
        "huggingface.co",
        "x.hf.co",
        "10.0.0.1",
        "127.1",
        "localhost",
        "evil.test",
        "[::1]",
        "169.254.169.254",
        "0",
        "",
    ]
)
urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "ftp", "file", "HTTPS", ""]),
    hosts,
    st.sampled_from(["", ":443", ":0", ":x", ":99999"]),
    st.sampled_from(["", "/", "/a?b", "@evil.test/"]),
)


@given(urls | st.text(max_size=40))
def test_an_address_is_either_refused_or_one_that_is_listed(url):
    settings = SourceSettings(private_hosts=["10.0.0.0/8"])
    if url_refused(url, settings) is not None:
        return
    host = host_of(url)
    private = is_named(host, settings.private_hosts)
    assert private or any(fnmatchcase(host, each) for each in settings.hosts)
    assert private or url.lower().startswith("https://")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "169.254.169.254", "0x7f.1", "[::1]", "10.0.0.1"])
def test_a_host_list_of_everything_has_no_private_ones(name):
    assert url_refused(f"https://{name}/x", SourceSettings(hosts=["*"]))


def test_what_ships_may_be_read_by_default_or_says_whom_to_ask():
    files = [file for entry in load_catalogue().root for file in entry.files]
    files += [entry.file for entry in load_media().root]  # type: ignore[misc]
    sources = [source for file in files for source in file.sources]
    assert [describe(each) for each in sources if source_refused(each, SourceSettings())] == []


@pytest.mark.parametrize(
    ("document", "form", "said"),
    [
        ({"url": "https://huggingface.co/x?key=1"}, "url", "https://huggingface.co/x?key=1"),
        ({"requirement": "a==1", "member": "b"}, "requirement", "a==1 (b)"),
        ({"hf_repo": "a/b", "revision": "main", "member": "c/d"}, "hf_repo", "a/b@main (c/d)"),
        ({"omz": "2023/a.xml"}, "omz", "Open Model Zoo (2023/a.xml)"),
        ({"s3": "models/a/b.onnx"}, "s3", "s3://models/a/b.onnx"),
        ({"file": "a/b.onnx"}, "file", "file a/b.onnx"),
    ],
)
def test_a_source_is_known_by_its_field(document, form, said):
    source = SOURCE.validate_python(document)
    assert (form_of(source), describe(source)) == (form, said)
    assert SOURCE.validate_json(source.model_dump_json()) == source
