"""Downloads from web servers: at the same time, once per model, resumed, within limits, of models of one's own."""

import asyncio
import threading

import pytest

from shared.catalogue import CatalogueEntry
from shared.errors import ChecksumMismatch, InvalidSpec, JobCancelled, OutOfSpace, SourceRefused, SourceUnavailable
from shared.settings import ModelSettings, SourceSettings
from tests.support.downloads import Bench, entry, file, sha
from tests.support.https import Ranged, http_server, send

WEIGHTS = bytes(range(256)) * 4_000
HALF = len(WEIGHTS) // 2


@pytest.fixture
def serve():
    opened = []

    def start(answers):
        opened.append(http_server(answers))
        return opened[-1].__enter__()

    yield start
    for manager in opened:
        manager.__exit__(None, None, None)


def bench(folder, *entries, **settings):
    sources = SourceSettings(private_hosts=["127.0.0.1"], **settings.pop("sources", {}))
    return Bench(folder, list(entries), settings={"sources": sources, **settings})


def model(name, url, content=WEIGHTS, **fields):
    return entry(name, [file("w.pth", content, {"url": url})], **fields)


class Gate:
    """Answers when as many requests are there as it waits for."""

    def __init__(self, content, parties=1):
        self.content = content
        self.parties = threading.Barrier(parties)
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.asked = 0

    def __call__(self, request):
        self.asked += 1
        self.entered.set()
        self.parties.wait(20)
        assert self.opened.wait(20)
        send(self.content)(request)


async def test_models_of_a_job_come_at_the_same_time(serve, tmp_path):
    gate = Gate(WEIGHTS, parties=3)
    gate.opened.set()
    url = serve({"/w": gate})
    place = bench(tmp_path, *(model(name, f"{url}/w?{name}") for name in "abc"))
    result = await place.run("a", "b", "c")
    assert [one.name for one in result.models] == ["a", "b", "c"]
    assert result.downloaded_bytes == 3 * len(WEIGHTS)
    assert result.timings.fetch_ms > 0


async def test_no_more_at_once_than_the_settings_say(serve, tmp_path):
    busy, most = [0], [0]
    lock = threading.Lock()

    def answer(request):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        send(WEIGHTS)(request)
        with lock:
            busy[0] -= 1

    url = serve({"/w": answer})
    place = bench(tmp_path, *(model(name, f"{url}/w?{name}") for name in "abcdef"), sources={"concurrency": 1})
    await place.run(*"abcdef")
    assert most == [1]


async def test_one_that_fails_ends_the_others_at_once(serve, tmp_path):
    gate = Gate(WEIGHTS)
    url = serve({"/slow": gate, "/wrong": send(b"other")})
    place = bench(tmp_path, model("slow", f"{url}/slow"), model("wrong", f"{url}/wrong"))
    try:
        with pytest.raises(ChecksumMismatch):
            await place.run("slow", "wrong")
    finally:
        gate.opened.set()
    assert place.nothing_behind()


async def test_two_jobs_for_one_model_download_it_once(serve, tmp_path):
    gate = Gate(WEIGHTS)
    url = serve({"/w": gate})
    place = bench(tmp_path, model("a", f"{url}/w"))
    first, second = await place.begin("a"), await place.begin("a")
    waits = threading.Event()
    progress = second.progress
    second.progress = lambda fraction, stage, *more: (
        waits.set() if stage == "wait" else None,
        progress(fraction, stage, *more),
    )
    one = asyncio.create_task(asyncio.to_thread(place.handler.run, first))
    assert await asyncio.to_thread(gate.entered.wait, 10)
    other = asyncio.create_task(asyncio.to_thread(place.handler.run, second))
    assert await asyncio.to_thread(waits.wait, 10)
    gate.opened.set()
    results = await asyncio.gather(one, other)
    assert gate.asked == 1
    assert results[0].models == results[1].models
    assert [result.downloaded_bytes for result in results] == [len(WEIGHTS), 0]


async def test_a_waiting_job_can_be_cancelled(serve, tmp_path):
    place = bench(tmp_path, model("a", "https://127.0.0.1:1/w"))
    place.beacon.hold("download:a", "another job", 60)
    context = await place.begin("a")
    context.stop(JobCancelled())
    with pytest.raises(JobCancelled):
        place.handler.run(context)


async def test_a_job_takes_over_from_one_whose_worker_died(serve, tmp_path):
    place = bench(tmp_path, model("a", serve({"/w": send(WEIGHTS)}) + "/w"))
    place.beacon.hold("download:a", "dead", 0.3)
    assert (await place.run("a")).downloaded_bytes == len(WEIGHTS)


async def test_a_job_tried_again_goes_on_where_it_was(serve, tmp_path):
    source = Ranged(WEIGHTS, stop_at=[HALF, HALF])
    place = bench(tmp_path, model("a", serve({"/w": source}) + "/w"))
    with pytest.raises(SourceUnavailable):
        await place.run("a")
    assert place.nothing_behind()
    result = await place.run("a")
    assert source.asked[-1] == (f"bytes={HALF}-", '"v1"')
    assert result.downloaded_bytes == len(WEIGHTS) - HALF
    assert [one.sha256 for one in result.models[0].files] == [sha(WEIGHTS)]
    assert list((tmp_path / "partial").iterdir()) == []


async def test_beginnings_that_nobody_came_back_for_are_removed(serve, tmp_path):
    url = serve({"/w": Ranged(WEIGHTS, stop_at=[HALF, HALF]), "/v": send(WEIGHTS)})
    place = bench(tmp_path, model("a", f"{url}/w"), model("b", f"{url}/v"), sources={"partial_s": 0.001})
    with pytest.raises(SourceUnavailable):
        await place.run("a")
    assert list((tmp_path / "partial").glob("*.part"))
    await place.run("b")
    assert list((tmp_path / "partial").iterdir()) == []


async def test_a_quota_that_would_be_passed(serve, tmp_path):
    url = serve({"/a": send(WEIGHTS), "/b": Ranged(WEIGHTS)})
    limit = ModelSettings(quota_bytes=len(WEIGHTS) + 100)
    place = bench(tmp_path, model("a", f"{url}/a"), model("b", f"{url}/b"), models=limit)
    (first,) = (await place.run("a")).models
    with pytest.raises(OutOfSpace, match=r"100 are left of .*FRAMELANE_MODELS__QUOTA_BYTES"):
        await place.run("b")
    assert place.beacon.models() == {"a": first}
    assert (await place.run("a", force=True)).models[0].version == first.version, "what it replaces doesn't count"


MINE = {
    "name": "mine",
    "category": "detection",
    "licence": "MIT",
    "labels": ["person"],
    "files": [{"name": "model.onnx", "sources": [{"url": "https://127.0.0.1/x"}]}],
}


def own(url, **changes):
    files = [{"name": "model.onnx", "sources": [{"url": url}], **changes}]
    return {**MINE, "files": files}


async def test_a_model_of_one_s_own_is_installed_with_its_sum_and_what_is_known_of_it(serve, tmp_path):
    url = serve({"/m.onnx": send(WEIGHTS)}) + "/m.onnx"
    place = bench(tmp_path)
    (installed,) = (await place.run(source=own(url))).models
    assert (installed.name, installed.source) == ("mine", url)
    assert [(one.name, one.sha256) for one in installed.files] == [("model.onnx", sha(WEIGHTS))]
    known = CatalogueEntry.model_validate(installed.entry)
    assert (known.category, known.architecture, known.licence, known.labels) == (
        "detection",
        "network",
        "MIT",
        ["person"],
    )
    assert (await place.run(source=own(url))).downloaded_bytes == 0
    with pytest.raises(ChecksumMismatch):
        await place.run(source=own(url, sha256="0" * 64))
    assert list(place.beacon.models()) == ["mine"]


async def test_what_the_gateway_would_refuse_the_worker_refuses_too(serve, tmp_path):
    """A gateway may have other settings, or be older."""
    place = bench(tmp_path, model("asl", "https://127.0.0.1:1/w"))
    with pytest.raises(SourceRefused, match="isn't a host that files may come from"):
        await place.run(source=own("https://10.0.0.7/x"))
    with pytest.raises(SourceRefused, match="FRAMELANE_SOURCES__FOLDER"):
        await place.run(source={**MINE, "files": [{"name": "m.onnx", "sources": [{"file": "m.onnx"}]}]})
    with pytest.raises(InvalidSpec, match="is a model of the catalogue"):
        await place.run(source={**own("https://127.0.0.1/x"), "name": "asl"})
    assert place.nothing_behind()
