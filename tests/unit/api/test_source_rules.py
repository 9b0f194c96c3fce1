"""Models asked for by their sources: what may not be fetched is refused before there is a job."""

import json
from typing import Any

import pytest

from api.services.entries import Entries
from api.services.prepare import Preparer
from api.services.rules import Rules
from shared.errors import InvalidSpec
from shared.settings import ModelSettings, Settings, SourceSettings
from tests.support import shipped
from tests.support.gateway import House, calling

GOOD = {"url": "https://huggingface.co/a/b/resolve/main/model.onnx"}
CATALOGUE = shipped.models()


def asking(*sources: Any, name: str = "mine", **file: Any) -> dict[str, Any]:
    wanted = {"name": "model.onnx", "sources": list(sources or [GOOD]), **file}
    return {"kind": "model_download", "source": {"name": name, "category": "detection", "files": [wanted]}}


def found(spec: dict[str, Any], **settings: Any) -> dict[str, str]:
    """Every broken rule by its pointer."""
    rules = Rules(Entries(CATALOGUE.by_name), shipped.media(), Settings(**settings))
    try:
        Preparer(rules, None, None, lambda _content: None).from_document(json.dumps(spec).encode(), {})  # type: ignore[arg-type]
    except InvalidSpec as error:
        return dict(error.broken)
    return {}


HOSTS = [
    "http://huggingface.co/x",
    "http://127.0.0.1:6379/",
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://169.254.169.254/latest/meta-data",
    "http://169.254.169.254/latest/meta-data",
    "https://2852039166/x",
    "https://0xa9.0xfe.0xa9.0xfe/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://[fd00:ec2::254]/x",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://huggingface.co.evil.test/x",
    "https://evilhuggingface.co/x",
    "https://10.0.0.7/x",
]


@pytest.mark.parametrize("url", HOSTS)
def test_a_place_that_may_not_be_read(url: str):
    broken = found(asking({"url": url}))
    assert "FRAMELANE_SOURCES__" in broken["/source/files/0/sources/0/url"], "the remedy"


@pytest.mark.parametrize("url", HOSTS)
def test_any_host_is_any_public_host(url: str):
    broken = found(asking({"url": url}), sources=SourceSettings(hosts=["*"]))
    a_name = url.startswith("https") and any(each in url for each in ("evil", "metadata.google"))
    assert bool(broken) is not a_name, "what a name stands for is judged when it is called"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://huggingface.co/x",
        "https://user:key@huggingface.co/x",
        "https:///x",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "https://huggingface.co/x\nHost: evil",
        "",
    ],
)
def test_what_is_no_address(url: str):
    broken = found(asking({"url": url}))
    assert "https address" in broken["/source/files/0/sources/0/url"]


@pytest.mark.parametrize(
    ("source", "pointer", "why"),
    [
        ({}, "", "give exactly one of url"),
        ({"path": "x"}, "", "give exactly one of url"),
        ({"url": "https://huggingface.co/x", "omz": "a"}, "/omz", "not known here"),
        ({"omz": "../../etc/passwd"}, "/omz", "relative path"),
        ({"omz": "/etc/passwd"}, "/omz", "relative path"),
        ({"omz": "a/./b"}, "/omz", "relative path"),
        ({"omz": "a\\..\\b"}, "/omz", "relative path"),
        ({"omz": "a//b"}, "/omz", "relative path"),
        ({"omz": "a\0b"}, "/omz", "relative path"),
        ({"file": "a.onnx"}, "/file", "FRAMELANE_SOURCES__FOLDER"),
        ({"file": "../a.onnx"}, "/file", "relative path"),
        ({"s3": "models/a.onnx"}, "/s3", "FRAMELANE_SOURCES__S3_ENDPOINT"),
        ({"s3": "models"}, "/s3", "bucket/key"),
        ({"s3": "models/../a"}, "/s3", "bucket/key"),
        ({"hf_repo": "a/b", "member": "model.onnx"}, "/revision", "is required"),
        ({"hf_repo": "a", "revision": "main", "member": "x"}, "/hf_repo", "pattern"),
        ({"hf_repo": "a/b", "revision": "main", "member": "../x"}, "/member", "relative path"),
        ({"requirement": "package>=1", "member": "x"}, "/requirement", "pattern"),
    ],
)
def test_a_source_that_is_none(source: dict[str, Any], pointer: str, why: str):
    broken = found(asking(source))
    assert why in broken[f"/source/files/0/sources/0{pointer}"]


def test_every_broken_rule_is_told_at_once():
    spec = asking(GOOD, {"url": "https://10.0.0.7/x"}, {"file": "x"}, name="asl")
    spec["source"]["files"].append({"name": "model.onnx", "sources": [GOOD]})
    broken = found(spec)
    assert set(broken) == {
        "/source/name",
        "/source/files/0/name",
        "/source/files/1/name",
        "/source/files/0/sources/1/url",
        "/source/files/0/sources/2/file",
    }
    assert "model of the catalogue" in broken["/source/name"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x\0", "a" * 101, "x\\y"])
def test_names_of_files_lead_nowhere(name: str):
    assert "/source/files/0/name" in found(_named(name))


def _named(name: str) -> dict[str, Any]:
    spec = asking()
    spec["source"]["files"][0]["name"] = name
    return spec


def test_a_pickle_needs_the_operator_and_a_checksum():
    spec = _named("weights.PT")
    assert "FRAMELANE_MODELS__PICKLES" in found(spec)["/source/files/0/name"]
    allowed = ModelSettings(pickles=True)
    assert "is required for a pickle" in found(spec, models=allowed)["/source/files/0/sha256"]
    spec["source"]["files"][0]["sha256"] = "0" * 64
    assert found(spec, models=allowed) == {}


def test_what_may_be_fetched_becomes_a_job():
    settings = SourceSettings(
        private_hosts=["10.1.0.0/16", "mirror.lan"], s3_endpoint="s3.lan:9000", folder="/srv/models"
    )
    sources = [
        GOOD,
        {"url": "http://10.1.2.3:8080/x"},
        {"url": "http://mirror.lan/x"},
        {"hf_repo": "openai/clip", "revision": "main", "member": "onnx/model.onnx"},
        {"omz": "models_bin/1/a b.xml"},
        {"s3": "models/detectors/a.onnx"},
        {"file": "detectors/..a.onnx"},
        {"requirement": "tiny==1.0", "member": "a"},
    ]
    assert found(asking(*sources), sources=settings) == {}


def test_a_download_of_nothing_is_refused():
    assert "`models`" in found({"kind": "model_download"})[""]


async def test_a_refusal_is_a_problem_with_pointers_and_no_job():
    house = House()
    async with calling(house) as client:
        answer = await client.post("/api/v1/jobs", json=asking({"url": HOSTS[3]}))
        good = await client.post("/api/v1/jobs", json=asking())
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:framelane:error:invalid-spec")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/source/files/0/sources/0/url"]
    assert good.status_code == 202
    assert list(house.jobs.jobs) == [good.json()["id"]]
