"""What browsers are told of pages of other hosts (CORS), letter by letter."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from api.middleware import cors
from shared.access import Role
from tests.support.access import asking, bearer, key_for
from tests.support.gateway import House, calling
from tests.support.operations import operations

PAGE = "https://a.example"
ALLOWED = "access-control-allow-origin"
FOREIGN = [
    "https://a.example.evil.example",
    "https://evil.example",
    "http://a.example",
    "https://a.example:8443",
    "https://A.example",
    "https://a.example/",
    "https://b.a.example",
    "null",
    "*",
    "https://a.example, https://evil.example",
]


@pytest.fixture
def house() -> House:
    return asking(web={"origins": [PAGE]})


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls


async def preflight(
    client: httpx2.AsyncClient, origin: str, method: str = "POST", *headers: str
) -> httpx2.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = ", ".join(headers)
    return await client.options("/api/v1/jobs", headers=asked)


async def test_a_page_of_a_named_origin_may_ask(client: httpx2.AsyncClient) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        answer = await preflight(client, PAGE, method, "authorization", "content-type", "idempotency-key")
        assert (answer.status_code, answer.headers[ALLOWED]) == (200, PAGE)
        assert method in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers, "keys come in a header, never as a cookie"


@pytest.mark.parametrize("origin", FOREIGN)
async def test_others_may_not(origin: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await preflight(client, origin, "POST", "authorization")
    assert answer.status_code == 400
    assert ALLOWED not in answer.headers
    # What a browser sends without asking first, it gets no answer to that it could show the page.
    headers = {"Origin": origin, **bearer(await key_for(house, Role.VIEWER))}
    assert ALLOWED not in (await client.get("/api/v1/jobs", headers=headers)).headers
    assert ALLOWED not in (await client.get("/health/live", headers=headers)).headers


async def test_a_header_that_nobody_needs_is_not_allowed(client: httpx2.AsyncClient) -> None:
    assert (await preflight(client, PAGE, "POST", "x-forwarded-for")).status_code == 400
    assert (await preflight(client, PAGE, "TRACE")).status_code == 400


async def test_answers_and_refusals_can_be_read_by_the_page(client: httpx2.AsyncClient, house: House) -> None:
    known = bearer(await key_for(house, Role.VIEWER))
    for headers, status in ((known, 200), ({}, 401)):
        answer = await client.get("/api/v1/jobs", headers={"Origin": PAGE, **headers})
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, PAGE)
        assert "RateLimit" in answer.headers["access-control-expose-headers"]


async def test_nothing_is_told_where_no_origin_is_named() -> None:
    async with calling(asking()) as client:
        answer = await preflight(client, PAGE)
        assert (answer.status_code, ALLOWED in answer.headers) == (401, False)


def test_every_method_of_an_operation_may_be_asked_for() -> None:
    allowed = {*cors([PAGE])["allow_methods"], "OPTIONS"}
    assert {each.method for each in operations()} <= allowed
