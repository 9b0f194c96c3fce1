"""Two tenants at one gateway: each has names of its own. What one has isn't there for the other: test_walk."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest

from api.callers import CALLER, Caller, own_session, told_session
from shared.access import Role
from tests.support.access import asking, bearer, key_for
from tests.support.gateway import SPEC, House, calling

_API = "/api/v1"
Heads = Mapping[str, str]


@pytest.fixture
def house() -> House:
    return asking()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls


@pytest.fixture
async def ours(house: House) -> Heads:
    return bearer(await key_for(house, Role.ADMIN, "ours"))


@pytest.fixture
async def theirs(house: House) -> Heads:
    return bearer(await key_for(house, Role.ADMIN, "theirs"))


async def _job(client: httpx2.AsyncClient, headers: Heads, **more: Any) -> str:
    answer = await client.post(f"{_API}/jobs", json=SPEC, headers={**headers, **more})
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()["id"]


async def test_lists_tell_ones_own(client: httpx2.AsyncClient, house: House, ours: Heads, theirs: Heads) -> None:
    first, second = await _job(client, ours), await _job(client, theirs)
    house.bury(first)
    for headers, job_id, dead in ((ours, first, [first]), (theirs, second, [])):
        found = (await client.get(f"{_API}/jobs", headers=headers)).json()["jobs"]
        assert [each["id"] for each in found] == [job_id]
        buried = (await client.get(f"{_API}/dead", headers=headers)).json()["jobs"]
        assert [each["id"] for each in buried] == dead


async def test_the_same_key_of_two_tenants_is_two_jobs(
    client: httpx2.AsyncClient, ours: Heads, theirs: Heads
) -> None:
    name = {"Idempotency-Key": "once"}
    first = await _job(client, ours, **name)
    assert await _job(client, ours, **name) == first
    assert await _job(client, theirs, **name) != first
    assert await _job(client, theirs, **{"Idempotency-Key": "@ours:once"}) != first


async def test_pipelines_are_named_by_each_tenant_for_itself(
    client: httpx2.AsyncClient, ours: Heads, theirs: Heads
) -> None:
    shipped = (await client.get(f"{_API}/pipelines", headers=ours)).json()["pipelines"]
    graph = shipped[0]["variants"][0]["pipeline_graph"]
    new = {"name": "Mine", "description": "d", "variants": [{"name": "CPU", "pipeline_graph": graph}]}
    made = []
    for headers in (ours, theirs):
        answer = await client.post(f"{_API}/pipelines", json=new, headers=headers)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    assert made[0] == made[1]
    where = f"{_API}/pipelines/{made[0]}"
    assert (await client.delete(where, headers={**ours, "If-Match": "*"})).status_code == 204
    assert (await client.get(where, headers=ours)).status_code == 404
    assert (await client.get(where, headers=theirs)).status_code == 200
    listed = (await client.get(f"{_API}/pipelines", headers=ours)).json()["pipelines"]
    assert len(listed) == len(shipped)
    assert (await client.get(f"{_API}/pipelines/@theirs:{made[0]}", headers=ours)).status_code == 404


async def test_administrators_of_a_tenant_make_keys_for_it_alone(
    client: httpx2.AsyncClient, house: House, ours: Heads
) -> None:
    boss = bearer(await key_for(house, Role.ADMIN))
    mine = await client.post(f"{_API}/keys", json={"name": "a", "tenant": "ours"}, headers=ours)
    assert mine.status_code == 201
    made = mine.json()
    assert (await client.get(f"{_API}/me", headers=bearer(made["token"]))).json()["tenant"] == "ours"
    assert (
        await client.post(f"{_API}/keys", json={"name": "a", "tenant": "theirs"}, headers=ours)
    ).status_code == 403
    other = await client.post(f"{_API}/keys", json={"name": "b", "tenant": "theirs"}, headers=boss)
    path = f"{_API}/keys/{other.json()['key']['id']}"
    for method in ("GET", "DELETE"):
        assert (await client.request(method, path, headers=ours)).status_code == 404
    assert (await client.delete(path, headers=boss)).status_code == 204
    listed = (await client.get(f"{_API}/keys", headers=ours)).text
    assert made["token"] not in listed
    assert "digest" not in listed


def test_names_of_sessions_are_told_apart() -> None:
    told = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
    names = set()
    for tenant in ("default", "ours", "theirs"):
        CALLER.set(Caller("x", Role.VIEWER, tenant, tenant))
        names.add(own_session(told))
        assert told_session(own_session(told)) == told
        assert own_session(f"ours.{told}") not in {f"ours.{told}"} - {own_session(told)}
    assert len(names) == 3
