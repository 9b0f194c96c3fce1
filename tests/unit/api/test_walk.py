"""Every operation that takes the id of something, asked by one tenant for what is another's.

An operation, a socket, a parameter or a field of a body that isn't in the lists of this file makes a test fail.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.permissions import NEEDED
from shared.access import Role
from tests.support.access import asking
from tests.support.belongings import LINES, Belongings, Tenant, nobodys
from tests.support.gateway import SPEC, House, StartedServer, serving, worker
from tests.support.operations import SOCKETS, Operation, fields_of_requests, operations

_SOON_S = 20

THINGS: Mapping[str, str] = {
    "job_id": "job",
    "session_id": "session",
    "upload_id": "upload",
    "pipeline_id": "pipeline",
    "variant_id": "variant",
    "benchmark_id": "benchmark",
    "key_id": "key",
    "a": "benchmark",
    "b": "other_benchmark",
}
"""What a parameter names, wherever it stands."""

NAMES: Mapping[str, str] = {"jobs": "artifact", "sessions": "lines", "videos": "video", "images": "image"}
"""What ``name`` is, by the first word of the path."""

EVERYBODYS = {"name", "model", "template_id", "key"}
"""Models, templates, and files behind signed links."""

PLAIN = {
    "after",
    "after_seq",
    "annotate",
    "before",
    "category",
    "cursor",
    "default",
    "device",
    "force",
    "hardware",
    "installed",
    "kind",
    "label",
    "limit",
    "margin",
    "min_confidence",
    "mirror",
    "model",
    "parent",
    "pipeline",
    "priority",
    "runtime",
    "state",
    "stream",
    "tag",
    "top_k",
    "wait",
}
"""Parameters that name nothing of anybody's, or only choose among one's own."""

_JOB = {
    "pipeline_id": "pipeline",
    "variant_id": "variant",
    "pipeline": "",
    "inputs": "",
    "media": "video",
    "image": "",
    "medium": "",
    "upload": "upload",
    "reference_job": "job",
    "description_id": "",
    "graph_id": "",
}
"""Fields of bodies that sound as if they named something, and what; empty: they don't, or hold what does."""
_SOUNDS = re.compile(
    r".*_(id|job)|(upload|media|medium|input|pipeline|image|session|benchmark|job|parent|artifact)s?"
)

_GRAPH = {"nodes": [{"id": "0", "type": "fakesrc", "data": {}}], "edges": []}
_TUS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "4", "Content-Type": "application/offset+octet-stream"}
_WITH: Mapping[str, Mapping[str, Any]] = {
    "put_job": {"json": SPEC},
    "continue_upload": {"headers": _TUS, "content": b""},
    "change_pipeline": {"json": {"name": "Another"}},
    "add_variant": {"json": {"name": "More", "pipeline_graph": _GRAPH}},
    "change_variant": {"json": {"name": "Else"}},
    "convert_to_simple": {"json": _GRAPH},
    "convert_to_advanced": {"json": _GRAPH},
}
_TAKEN = {"put_job"}
"""A chosen id that is another's is a conflict that tells nothing of it."""


def _named(operation: Operation) -> dict[str, str]:
    """Parameters that name something of a tenant's, and what."""
    first = operation.path.split("/")[3] if operation.path.startswith("/api/v1/") else ""
    by_name = {"name": NAMES[first]} if "name" in operation.parameters and first in NAMES else {}
    return {each: THINGS[each] for each in operation.parameters if each in THINGS} | by_name


TAKING = [each for each in operations() if _named(each)]


@dataclass
class Street:
    """Two tenants at one gateway."""

    server: StartedServer
    owner: Belongings
    stranger: Belongings
    role: Role

    def client(self, who: Belongings) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://{self.server.address}", headers=who.headers, timeout=60)


@pytest.fixture
def house() -> House:
    house = asking()
    house.beacon.announce(worker("cpu.long", runtimes=[]), 3_600)
    return house


@pytest.fixture(params=[("ours", "theirs"), ("default", "theirs"), ("ours", "default")], ids=" and ".join)
async def street(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Street]:
    mine, other = request.param
    # An administrator of the default tenant cares for keys of all: as an operator nobody there does.
    role = Role.OPERATOR if other == "default" else Role.ADMIN
    async with serving(house) as server:
        owner = await Tenant(house, server, mine, Role.ADMIN).settle()
        yield Street(server, owner, await Tenant(house, server, other, role).settle(), role)


async def _ask(client: httpx2.AsyncClient, operation: Operation, things: Mapping[str, str]) -> httpx2.Response:
    values = {name: things[thing] for name, thing in _named(operation).items()}
    query = {name: value for name, value in values.items() if f"{{{name}}}" not in operation.path}
    more = dict(_WITH.get(operation.name, {}))
    headers = {"If-Match": "*", **more.pop("headers", {})}
    return await client.request(operation.method, operation.at(**values), params=query, headers=headers, **more)


def _without(things: Mapping[str, str], text: str) -> str:
    for each in sorted(things.values(), key=len, reverse=True):
        text = text.replace(each, "…")
    return text


def test_every_parameter_is_known() -> None:
    for each in operations():
        unknown = each.parameters - set(_named(each)) - PLAIN - EVERYBODYS
        assert not unknown, (each.name, "what do these name? see THINGS and PLAIN")
        in_path = set(re.findall(r"\{(\w+)\}", each.path))
        assert in_path <= set(_named(each)) | EVERYBODYS, each.name
    assert len(TAKING) > 35


def test_every_field_is_known() -> None:
    assert {name for name in fields_of_requests() if _SOUNDS.fullmatch(name)} == set(_JOB)


async def test_nothing_of_anothers_is_there(street: Street) -> None:
    await _lists_and_figures_tell_nothing_of_anothers(street)
    await _lists_that_are_asked_for_anothers_are_empty(street)
    await _bodies_that_name_what_is_anothers_name_nothing(street)
    await _files_of_another_are_behind_signed_links_alone(street)
    await _sockets_and_feeds_tell_nothing_of_anothers(street)
    await _what_is_anothers_is_not_there(street)
    await _the_dead_of_another_stay_dead(street)
    await _owner_has_it_all(street)


async def _what_is_anothers_is_not_there(street: Street) -> None:
    async with street.client(street.stranger) as client:
        for each in TAKING:
            needed = NEEDED[each.name]
            assert needed is not None
            expected = 409 if each.name in _TAKEN else 404 if street.role.may(needed) else 403
            answer = await _ask(client, each, street.owner.things)
            assert answer.status_code == expected, (each, answer.text)
            nothing = nobodys()
            same = await _ask(client, each, nothing)
            if each.name not in _TAKEN:
                assert same.status_code == expected, (each, same.text)
                assert _without(nothing, same.text) == _without(street.owner.things, answer.text), each
            assert not re.search(r"@(ours|theirs)|(ours|theirs)\.", answer.text), "names of the store"
            assert not {"seq", "state", "offset"} & set(answer.json() if answer.content else {}), each


async def _owner_has_it_all(street: Street) -> None:
    """The same operations are there for whom the things belong to; those that remove come last."""
    last = {"delete_pipeline": 1, "delete_job": 1, "delete_upload": 1, "revoke_key": 2}
    following = {"stream_events", "stream_metadata"}
    order = sorted(TAKING, key=lambda each: last.get(each.name, int(each.method == "DELETE") / 2))
    async with street.client(street.owner) as client:
        for each in order:
            answer = await _ask(client, each, street.owner.things)
            assert answer.status_code not in {401, 403, 404}, (each, answer.text)
            assert not re.search(r"@(ours|theirs)|(ours|theirs)\.", answer.text), "names of the store"
            assert each.name not in following or answer.content, each


async def _lists_and_figures_tell_nothing_of_anothers(street: Street) -> None:
    plain = [each for each in operations() if each.method == "GET" and "{" not in each.path and not _named(each)]
    found: dict[str, set[str]] = {"owner": set(), "stranger": set()}
    for name, who in (("owner", street.owner), ("stranger", street.stranger)):
        async with street.client(who) as client:
            for each in plain:
                text = await _beginning(client, each.path)
                found[name] |= {mark for mark in street.owner.marks if mark in text}
    assert found["stranger"] == set()
    # What was uploaded is in the log of what was done, a little later.
    unlisted = {
        street.owner.things[each] for each in ("session", "token", "upload", "photo_upload", "network_upload")
    }
    assert found["owner"] | unlisted == street.owner.marks


async def _beginning(client: httpx2.AsyncClient, path: str) -> str:
    """Of what is told: some is told for ever."""
    async with client.stream("GET", path) as told:
        if not path.endswith("/stream"):
            return (await told.aread()).decode()
        async for piece in told.aiter_text():
            return piece
    return ""


async def _lists_that_are_asked_for_anothers_are_empty(street: Street) -> None:
    things = street.owner.things
    async with street.client(street.stranger) as client:
        for query in ({"parent": things["benchmark"]}, {"pipeline": things["pipeline"]}):
            answer = await client.get("/api/v1/benchmarks", params=query)
            assert answer.json()["benchmarks"] == []
        # One page further than a list that the owner began.
        async with street.client(street.owner) as own:
            cursor = (await own.get("/api/v1/jobs?limit=1")).json()["next_cursor"]
        assert cursor is not None
        text = (await client.get("/api/v1/jobs", params={"cursor": cursor})).text
        assert not [mark for mark in street.owner.marks if mark in text]


async def _the_dead_of_another_stay_dead(street: Street) -> None:
    dead = street.owner.things["dead"]
    async with street.client(street.stranger) as client:
        assert (await client.post(f"/api/v1/dead/{dead}/requeue")).status_code == 404
        done = (await client.post("/api/v1/dead/requeue")).json()
        assert [each["id"] for each in done["requeued"]] == [street.stranger.things["dead"]]
    async with street.client(street.owner) as own:
        assert [each["id"] for each in (await own.get("/api/v1/dead")).json()["jobs"]] == [dead]
        assert (await own.post(f"/api/v1/dead/{dead}/requeue")).status_code == 202


def _bodies(things: Mapping[str, str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Requests that name something in their bodies, by what it is."""
    variant = {"source": "variant", "pipeline_id": things["pipeline"], "variant_id": things["variant"]}
    text = {"source": "description", "pipeline_description": "filesrc location=other ! decodebin3 ! fakesink"}
    network = {"name": "mine", "category": "detection", "files": [{"upload": things["network_upload"]}]}
    film, photo = ({"name": "mine", "upload": things[each]} for each in ("upload", "photo_upload"))
    plain = {"source": "description", "pipeline_description": "videotestsrc num-buffers=9 ! fakesink"}
    return {
        "pipeline": ("jobs", {"kind": "pipeline", "pipeline": variant}),
        "measured": ("jobs", {"kind": "performance", "specs": [{"pipeline": variant}]}),
        "optimized": ("jobs", {"kind": "optimize", "pipeline": variant, "save_as": "better"}),
        "input": ("jobs", {"kind": "pipeline", "pipeline": text, "inputs": [things["video"]]}),
        "photo": ("jobs", {"kind": "inference", "model": "asl", "inputs": [{"media": things["image"]}]}),
        "calibration": (
            "jobs",
            {
                "kind": "model_convert",
                "model": "person-ssdlite",
                "precisions": ["INT8"],
                "calibration": {"media": [things["video"]]},
            },
        ),
        "reference": (
            "jobs",
            {"kind": "validate", "pipeline": plain, "expect": {"reference_job": things["reference"]}},
        ),
        "checked": ("jobs", {"kind": "validate", "pipeline": text, "inputs": [things["video"]]}),
        "film": ("jobs", {"kind": "media_upload", **film}),
        "video": ("videos", film),
        "image": ("images", photo),
        "network": ("jobs", {"kind": "model_upload", "model": network}),
        "model": ("models/upload", network),
    }


async def _bodies_that_name_what_is_anothers_name_nothing(street: Street) -> None:
    nothing = nobodys()
    same = _bodies(nothing)
    async with street.client(street.stranger) as client, street.client(street.owner) as own:
        for name, (path, body) in _bodies(street.owner.things).items():
            taken = await own.post(f"/api/v1/{path}", json=body)
            assert taken.status_code == 202, (name, taken.text)
            answer = await client.post(f"/api/v1/{path}", json=body)
            unknown = await client.post(f"/api/v1/{path}", json=same[name][1])
            if name == "checked":  # its worker says what there is, to each tenant of its own
                assert (answer.status_code, unknown.status_code) == (202, 202), answer.text
                continue
            assert answer.status_code in {404, 409, 422}, (name, answer.text)
            assert (answer.status_code, _without(street.owner.things, answer.text)) == (
                unknown.status_code,
                _without(nothing, unknown.text),
            ), name


async def _sockets_and_feeds_tell_nothing_of_anothers(street: Street) -> None:
    assert {name for name in NEEDED if name in SOCKETS} == SOCKETS
    base, things = f"ws://{street.server.address}/api/v1/ws", street.owner.things
    resume = {"type": "resume", "session": things["session"], "token": things["token"], "after": 0}
    for path, said, code in (
        (f"jobs/{things['job']}", None, 4404),
        (f"jobs/{things['lease']}?after_seq=0", None, 4404),
        ("sessions", resume, 4404),
    ):
        async with connect(f"{base}/{path}", additional_headers=street.stranger.headers) as socket:
            if said is not None:
                await socket.send(json.dumps(said))
            told = await _all(socket)
        assert socket.close_code == code, (path, told)
        assert not [mark for mark in street.owner.marks if mark in "".join(map(str, told))]
    async with connect(f"{base}/events", additional_headers=street.stranger.headers) as feed:
        heard = [await asyncio.wait_for(feed.recv(), _SOON_S)]  # one's own job that waits
        new = [await _new_job(street, who) for who in (street.owner, street.stranger)]
        while new[1] not in heard[-1]:
            heard.append(await asyncio.wait_for(feed.recv(), _SOON_S))
    assert not [mark for mark in (new[0], *street.owner.marks) if mark in "".join(map(str, heard))]


async def _all(socket: ClientConnection) -> list[str | bytes]:
    """What is told until the end."""
    told: list[str | bytes] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(_SOON_S):
            while True:
                told.append(await socket.recv())
    return told


async def _new_job(street: Street, who: Belongings) -> str:
    async with street.client(who) as client:
        return (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]


async def _files_of_another_are_behind_signed_links_alone(street: Street) -> None:
    things = street.owner.things
    async with street.client(street.owner) as own, street.client(street.stranger) as client:
        for path in (
            f"jobs/{things['job']}/artifacts/frame.txt",
            f"sessions/{things['session']}/artifacts/{LINES}",
        ):
            link = (await own.get(f"/api/v1/{path}")).headers["location"]
            assert (await own.get(link)).status_code == 200
            assert (await client.get(link.partition("?")[0])).status_code == 403
