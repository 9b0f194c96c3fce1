"""Who may call: every operation, asked by nobody and by each role."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from api.main import create_app
from api.permissions import NEEDED, OPEN, check, names
from shared.access import KeyLimits, Role
from shared.settings import Settings
from tests.support.access import ADMIN_KEY, asking, bearer, key_for
from tests.support.gateway import SPEC, House, calling, serving
from tests.support.operations import SOCKETS, operations

_UNTOLD = {"root", "swagger_ui", "redoc", "redoc_script", "docs-assets", "openapi"}


def guarded() -> Iterator[tuple[str, str, str, Role]]:
    """Name, method, path and role of all operations that aren't open."""
    for each in operations():
        if (needed := NEEDED[each.name]) is not OPEN:
            yield each.name, each.method, each.at(), needed


@pytest.fixture
def house() -> House:
    return asking()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls


def test_every_route_is_in_the_list_and_nothing_else() -> None:
    app = create_app(Settings())
    there = set(names(app.routes))
    assert {each.name for each in operations()} | SOCKETS == there - _UNTOLD
    assert there <= NEEDED.keys()


def test_a_route_that_nobody_thought_of_keeps_the_gateway_from_starting() -> None:
    app = create_app(Settings())
    app.get("/api/v1/forgotten")(lambda: None)
    with pytest.raises(RuntimeError, match="who may use"):
        check(app)


async def test_strangers_are_asked_who_they_are(client: httpx2.AsyncClient, house: House) -> None:
    for name, method, path, _ in guarded():
        answer = await client.request(method, path)
        assert answer.status_code == 401, name
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert house.kept == []


async def test_each_role_is_refused_what_is_above_it(client: httpx2.AsyncClient, house: House) -> None:
    for role in Role:
        headers = bearer(await key_for(house, role))
        for name, method, path, needed in guarded():
            if role.may(needed):
                continue
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 403, (role, name)
            assert method == "HEAD" or answer.json()["type"] == "urn:framelane:error:forbidden"


_FOLLOWING = {"stream_events", "stream_metadata", "stream_metrics"}


async def test_each_role_gets_past_the_door_where_it_may(client: httpx2.AsyncClient, house: House) -> None:
    for role in Role:
        headers = bearer(await key_for(house, role))
        for name, method, path, needed in guarded():
            if not role.may(needed) or name in _FOLLOWING:
                continue
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code not in {401, 403}, (role, name, answer.text)


async def test_health_is_open(client: httpx2.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready", "/docs", "/openapi.json"):
        assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic Zm9vOmJhcg==",
        "Bearer fl_aaaaaaaaaaaa_" + "b" * 49,
        "Bearer " + "x" * 9_000,
        "Bearer a.b.c",
        "Bearer " + ADMIN_KEY[:-1],
        f"Token {ADMIN_KEY}",
    ],
)
async def test_what_is_no_key_is_refused(header: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/jobs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert ADMIN_KEY not in answer.text


async def test_a_token_in_the_query_counts_for_nothing(client: httpx2.AsyncClient, house: House) -> None:
    token = await key_for(house, Role.ADMIN)
    for name in ("token", "access_token", "api_key", "key"):
        assert (await client.get("/api/v1/jobs", params={name: token})).status_code == 401


async def test_the_quick_way_asks_too(client: httpx2.AsyncClient, house: House) -> None:
    path = "/api/v1/gestures/asl/predict"
    body = {"landmarks": SPEC["inputs"][0]["landmarks"]}
    assert (await client.post(path, json=body)).status_code == 401
    viewer = bearer(await key_for(house, Role.VIEWER))
    assert (await client.post(path, json=body, headers=viewer)).status_code == 403
    assert house.kept == []


async def test_models_and_benchmarks_are_for_operators(client: httpx2.AsyncClient, house: House) -> None:
    submitter = bearer(await key_for(house, Role.SUBMITTER))
    download = {"kind": "model_download", "models": ["asl"]}
    refused = await client.post("/api/v1/jobs", json=download, headers=submitter)
    assert refused.status_code == 403
    operator = bearer(await key_for(house, Role.OPERATOR))
    assert (await client.post("/api/v1/jobs", json=download, headers=operator)).status_code == 202


async def test_a_rate_is_kept_and_told(client: httpx2.AsyncClient, house: House) -> None:
    headers = bearer(await key_for(house, Role.VIEWER, limits=KeyLimits(rate=2)))
    answers = [await client.get("/api/v1/jobs", headers=headers) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers["ratelimit"].split(";")[1] for each in answers[:2]] == ["r=1", "r=0"]
    assert answers[0].headers["ratelimit-policy"] == '"key";q=2;w=60'
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    other = bearer(await key_for(house, Role.VIEWER, limits=KeyLimits(rate=2)))
    assert (await client.get("/api/v1/jobs", headers=other)).status_code == 200


async def test_a_key_has_so_many_jobs_and_no_more(client: httpx2.AsyncClient, house: House) -> None:
    waits = bearer(await key_for(house, Role.SUBMITTER, limits=KeyLimits(depth=1)))
    runs = bearer(await key_for(house, Role.SUBMITTER, limits=KeyLimits(active=1)))
    for headers, code in ((waits, "too-many-jobs"), (runs, "too-many-active-jobs")):
        first = await client.post("/api/v1/jobs", json=SPEC, headers=headers)
        assert first.status_code == 202
        second = await client.post("/api/v1/jobs", json=SPEC, headers=headers)
        assert (second.status_code, second.json()["type"]) == (429, f"urn:framelane:error:{code}")
        house.finish(first.json()["id"])
        assert (await client.post("/api/v1/jobs", json=SPEC, headers=headers)).status_code == 202


async def test_sockets_ask_too(house: House) -> None:
    token = await key_for(house, Role.VIEWER)
    async with serving(house) as server:
        url = f"ws://{server.address}/api/v1/ws/events"
        for path in ("events", "jobs/6fa459ea-ee8a-4ca4-894e-db77e160355e", "sessions?model=asl"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://{server.address}/api/v1/ws/{path}").__aenter__()
            assert refused.value.response.status_code == 401
        with pytest.raises(InvalidStatus):
            await connect(f"{url}?token={token}").__aenter__()
        async with connect(url, additional_headers=bearer(token)):
            pass
        names = [Subprotocol("framelane"), Subprotocol(f"framelane.bearer.{token}")]
        async with connect(url, subprotocols=names) as socket:
            assert socket.subprotocol == "framelane"
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"ws://{server.address}/api/v1/ws/sessions?model=asl", additional_headers=bearer(token)
            ).__aenter__()
        assert refused.value.response.status_code == 403
        for origin in ("https://evil.example", "null", f"http://{server.address}.evil.example"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=bearer(token), origin=Origin(origin)).__aenter__()
            assert refused.value.response.status_code == 403


async def test_a_feed_tells_ones_own(house: House) -> None:
    ours, theirs = await key_for(house, Role.ADMIN, "ours"), await key_for(house, Role.ADMIN, "theirs")
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        async with connect(f"ws://{server.address}/api/v1/ws/events", additional_headers=bearer(ours)) as socket:
            for token in (theirs, ours):
                assert (await client.post("/api/v1/jobs", json=SPEC, headers=bearer(token))).status_code == 202
            first = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert (await client.get(f"/api/v1/jobs/{first['job_id']}", headers=bearer(ours))).status_code == 200
        assert first["tenant"] == "ours"
        where = f"ws://{server.address}/api/v1/ws/jobs/{first['job_id']}"
        async with connect(where, additional_headers=bearer(theirs)) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404
