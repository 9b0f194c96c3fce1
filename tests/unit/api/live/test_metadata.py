"""Records of a pipeline over real sockets."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from shared.ports import Claim, Record
from shared.results import StreamFigures
from shared.settings import JobSettings, LimitSettings, Settings
from tests.support.following import events_of, opened_feeds, submitted
from tests.support.gateway import House, StartedServer
from tests.support.jobs import ERROR

KEPT = 300


@pytest.fixture
def house(limits: LimitSettings) -> House:
    return House(Settings(limits=limits, jobs=JobSettings(records_kept=KEPT)))


class Run:
    """A pipeline at work, as its worker tells of it."""

    def __init__(self, house: House, job_id: str) -> None:
        self.house = house
        self.claim: Claim = house.claim(job_id)
        self.url = f"/api/v1/jobs/{job_id}/metadata"
        self.sent: list[dict[str, Any]] = []
        self.number = 0

    def tell(self, *streams: int) -> None:
        """One record for each."""
        records: list[Record] = []
        for stream in streams:
            said = {"objects": [], "é": len(self.sent)}
            self.number += 1
            self.sent.append({"number": self.number, "stream": stream, "record": said})
            records.append(Record(stream, json.dumps(said)))
        figures = [StreamFigures(stream=0, frames=len(self.sent), fps=25.0)]
        self.house.attempts.measure(self.claim, figures, records)

    def lose(self) -> None:
        """The attempt, and begin the next."""
        self.house.attempts.give_up(self.claim.job_id, self.claim.fence, self.claim.worker, ERROR, costs=False)
        self.claim = self.house.claim(self.claim.job_id)
        self.sent, self.number = [], self.number + 1

    def end(self) -> None:
        self.house.settle(self.claim)


@pytest.fixture
async def run(client: httpx2.AsyncClient, house: House) -> Run:
    return Run(house, await submitted(client))


def told(text: str) -> list[tuple[str, str, Any]]:
    return [(each.get("id", ""), each["event"], json.loads(each["data"])) for each in events_of(text)]


def records(run: Run, after: int = 0, stream: int | None = None) -> list[tuple[str, str, Any]]:
    return [
        (str(each["number"]), "record", each)
        for each in run.sent
        if each["number"] > after and stream in {None, each["stream"]}
    ]


def end(number: int) -> tuple[str, str, Any]:
    return (str(number), "end", {"type": "end", "state": "COMPLETED"})


async def test_pages(client: httpx2.AsyncClient, run: Run) -> None:
    empty = {"records": [], "first": 0, "last": 0, "restarted": 0, "next_after": 0}
    assert (await client.get(run.url)).json() == empty
    run.tell(0, 1, 0)

    first = (await client.get(f"{run.url}?limit=2")).json()
    assert first == {"records": run.sent[:2], "first": 1, "last": 3, "restarted": 0, "next_after": 2}
    second = (await client.get(f"{run.url}?limit=2&after=2")).json()
    assert second == {"records": run.sent[2:], "first": 1, "last": 3, "restarted": 0, "next_after": 3}
    other = (await client.get(f"{run.url}?stream=1")).json()
    assert other == {"records": run.sent[1:2], "first": 1, "last": 3, "restarted": 0, "next_after": 3}


async def test_records_come_live_and_then_the_end(
    client: httpx2.AsyncClient, server: StartedServer, run: Run
) -> None:
    run.tell(0)
    reading = asyncio.create_task(client.get(f"{run.url}/stream"))
    await opened_feeds(server, 1)
    run.tell(0, 1)
    run.tell()
    run.house.progress(run.claim, 0.5)
    run.tell(1)
    run.end()
    answer = await reading
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert told(answer.text) == [*records(run), end(4)]


async def test_who_comes_after_the_end_gets_all_that_is_kept(client: httpx2.AsyncClient, run: Run) -> None:
    run.tell(*([0, 1] * 120))
    run.end()
    assert told((await client.get(f"{run.url}/stream")).text) == [*records(run), end(240)]
    one = told((await client.get(f"{run.url}/stream?stream=1")).text)
    assert one == [*records(run, stream=1), end(240)]


async def test_who_comes_back_goes_on_where_it_was(client: httpx2.AsyncClient, run: Run) -> None:
    run.tell(0, 0, 0)
    run.end()
    after = await client.get(f"{run.url}/stream", headers={"Last-Event-ID": "2"})
    assert told(after.text) == [*records(run, after=2), end(3)]
    assert told((await client.get(f"{run.url}/stream?after=2")).text) == [*records(run, after=2), end(3)]
    nothing = await client.get(f"{run.url}/stream", headers={"Last-Event-ID": "3"})
    assert (nothing.status_code, nothing.content) == (204, b"")
    too_far = await client.get(f"{run.url}/stream?after=99")
    assert told(too_far.text) == [*records(run), end(3)]


async def test_who_is_slow_is_told_what_it_missed(client: httpx2.AsyncClient, run: Run) -> None:
    run.tell(*[0] * (KEPT + 7))
    run.end()
    missed = ("7", "missed", {"type": "missed", "first": 1, "last": 7})
    events = told((await client.get(f"{run.url}/stream")).text)
    assert events == [missed, *records(run, after=7), end(KEPT + 7)]


def restarted(number: int) -> tuple[str, str, Any]:
    return (str(number), "restarted", {"type": "restarted", "number": number})


async def test_who_reads_when_an_attempt_is_lost_is_told_what_is_void(
    client: httpx2.AsyncClient, server: StartedServer, run: Run
) -> None:
    run.tell(0, 0)
    void = records(run)
    async with client.stream("GET", f"{run.url}/stream") as answer:
        parts = answer.aiter_text()
        text = ""
        while text.count("event: record") < len(void):
            text += await anext(parts)
        run.lose()
        run.tell(0, 0)
        run.end()
        text += "".join([part async for part in parts])
    assert told(text) == [*void, restarted(3), *records(run), end(5)]


async def test_who_comes_after_an_attempt_was_lost(client: httpx2.AsyncClient, run: Run) -> None:
    run.tell(0, 0, 0)
    run.lose()
    void = {"records": [], "first": 0, "last": 0, "restarted": 4, "next_after": 4}
    assert (await client.get(f"{run.url}?after=2")).json() == void
    run.tell(0)
    run.end()
    url = f"{run.url}/stream"
    assert told((await client.get(url)).text) == [*records(run), end(5)], "nothing of it is void for this reader"
    assert told((await client.get(f"{url}?after=2")).text) == [restarted(4), *records(run), end(5)]
    assert told((await client.get(f"{url}?after=4")).text) == [*records(run), end(5)], "that was told"
    assert (await client.get(url, headers={"Last-Event-ID": "5"})).status_code == 204
    page = {"records": run.sent, "first": 5, "last": 5, "restarted": 4, "next_after": 5}
    assert (await client.get(f"{run.url}?after=2")).json() == page


async def test_a_job_that_ends_without_records_after_a_lost_attempt(client: httpx2.AsyncClient, run: Run) -> None:
    run.tell(0)
    run.lose()
    run.end()
    assert told((await client.get(f"{run.url}/stream?after=1")).text) == [restarted(2), end(2)]
    assert (await client.get(f"{run.url}/stream", headers={"Last-Event-ID": "2"})).status_code == 204


async def test_a_crowd_of_events_does_not_cost_a_reader_its_place(
    client: httpx2.AsyncClient, server: StartedServer, run: Run
) -> None:
    """More than its queue takes, while it doesn't look."""
    reading = asyncio.create_task(client.get(f"{run.url}/stream"))
    await opened_feeds(server, 1)
    for _ in range(50):
        run.tell(0)
    run.end()
    assert told((await reading).text) == [*records(run), end(50)]


async def test_what_is_asked_wrongly_is_refused(client: httpx2.AsyncClient, run: Run) -> None:
    for query in ("after=-1", "stream=64", "limit=0", "limit=1001", "nonsense=1"):
        assert (await client.get(f"{run.url}?{query}")).status_code == 422
    wrong = await client.get(f"{run.url}/stream", headers={"Last-Event-ID": "x"})
    assert wrong.json()["errors"][0]["pointer"] == "/Last-Event-ID"
    nobody = run.url.replace(run.claim.job_id, "0b5c9f0e-5a46-4f0a-9d0b-0d3c0e4b7a11")
    assert (await client.get(nobody)).status_code == 404
    assert (await client.get(f"{nobody}/stream")).status_code == 404


async def test_the_process_stops(client: httpx2.AsyncClient, server: StartedServer, run: Run) -> None:
    run.tell(0)
    reading = asyncio.create_task(client.get(f"{run.url}/stream"))
    await opened_feeds(server, 1)
    await server.end()
    assert told((await reading).text) == records(run)


async def test_the_library(client: httpx2.AsyncClient) -> None:
    videos = (await client.get("/api/v1/videos")).json()["videos"]
    assert {each["name"] for each in videos} >= {"bikes", "carphone"}
    assert all(each["licence"] and each["sources"] and each["installed"] is None for each in videos)
