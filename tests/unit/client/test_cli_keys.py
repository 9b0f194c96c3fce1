"""`framelane keys` and `framelane log-level` against a served gateway that asks who calls."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from click.testing import Result
from structlog.testing import capture_logs
from structlog.typing import EventDict
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import OK, PROBLEM
from shared.access import Role, key_id_of
from shared.access_settings import AuthSettings
from tests.support.access import ASKS, asking, bearer, key_for
from tests.support.gateway import House, StartedServer, serving


@pytest.fixture
def house() -> House:
    # Nothing is remembered for longer than it takes to ask again.
    return asking(AuthSettings.model_validate(ASKS.model_dump() | {"recheck_s": 0.000_001}))


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


@pytest.fixture
async def admin(house: House) -> str:
    return await key_for(house, Role.ADMIN)


async def run(server: StartedServer, key: str, *words: str) -> Result:
    url, known = ["--url", f"http://{server.address}"], {"FRAMELANE_API_KEY": key}
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, *url], env=known)


async def who(server: StartedServer, token: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        return await client.get("/api/v1/me", headers=bearer(token))


async def test_a_key_is_made_shown_and_revoked(server: StartedServer, admin: str):
    limits = ("--rate", "60", "--active", "3", "--depth", "2")
    made = await run(
        server, admin, "keys", "create", "camera 5", "--role", "viewer", "--tenant", "ours", "--days", "2", *limits
    )
    token = made.stdout.strip()
    assert (made.exit_code, "it isn't told again" in made.stderr) == (OK, True)
    me = (await who(server, token)).json()
    assert (me["role"], me["tenant"], me["limits"]) == ("viewer", "ours", {"rate": 60, "active": 3, "depth": 2})

    listed = await run(server, admin, "keys", "list", "--json")
    (key,) = [each for each in json.loads(listed.stdout) if each["name"] == "camera 5"]
    assert (key["id"], key["tenant"]) == (key_id_of(token), "ours")
    shown = await run(server, admin, "keys", "list")
    for text in (listed.stdout, shown.stdout):
        assert key["id"] in text
        assert token not in text

    revoked = await run(server, admin, "keys", "revoke", key["id"])
    assert (revoked.exit_code, "is revoked" in revoked.stdout) == (OK, True)
    assert (await who(server, token)).status_code == 401
    again = await run(server, admin, "keys", "revoke", key["id"])
    assert (again.exit_code, "There is no such key" in again.stderr) == (PROBLEM, True)


async def test_json_has_the_key_and_its_token(server: StartedServer, admin: str):
    made = json.loads((await run(server, admin, "keys", "create", "--json")).stdout)
    assert (made["key"]["role"], made["key"]["tenant"], made["key"]["expires_at"]) == (
        "submitter",
        "default",
        None,
    )
    assert made["key"]["id"] == key_id_of(made["token"])


async def test_who_may_not_is_told_so(server: StartedServer, house: House):
    operator = await key_for(house, Role.OPERATOR)
    refused = await run(server, operator, "keys", "create")
    assert (refused.exit_code, "this needs the role admin" in refused.stderr) == (PROBLEM, True)
    stranger = await run(server, "", "keys", "list")
    assert (stranger.exit_code, "send a key" in stranger.stderr) == (PROBLEM, True)


@pytest.mark.parametrize("words", [["--tenant", "Über"], ["--role", "root"], ["--days", "0"], ["--rate", "0"]])
def test_what_is_no_key_is_refused_before_anybody_is_asked(words: list[str]):
    refused = CliRunner().invoke(app, ["keys", "create", *words, "--url", "http://127.0.0.1:1"])
    assert (refused.exit_code, words[0] in refused.output) == (2, True)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = logger.level
    yield logger
    logger.setLevel(before)


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """What the gateway logs, which stands in this process's stdout otherwise."""
    with capture_logs() as lines:
        yield lines


async def test_log_levels_are_told_and_set(
    server: StartedServer, house: House, admin: str, root: logging.Logger, logged: list[EventDict]
):
    own = "gateways  as set at the start\nworkers   as set at the start\n"
    assert (await run(server, admin, "log-level")).stdout == own
    assert (await run(server, admin, "log-level", "--workers", "DEBUG")).stdout.endswith("workers   DEBUG\n")
    assert house.beacon.log_levels().workers == "DEBUG"
    told = await run(server, admin, "log-level", "--gateways", "ERROR", "--for", "600", "--json")
    levels = json.loads(told.stdout)
    assert (levels["gateways"], levels["workers"], root.level) == ("ERROR", None, logging.ERROR)
    assert "until" in (await run(server, admin, "log-level")).stdout
    assert (await run(server, admin, "log-level", "--reset")).stdout == own
    assert [each["workers"] for each in logged if each["event"] == "log_levels_set"] == ["DEBUG", None, None]


@pytest.mark.parametrize("words", [["--for", "5"], ["--reset", "--workers", "INFO"], ["--gateways", "LOUD"]])
def test_what_is_no_log_level_is_refused(words: list[str]):
    refused = CliRunner().invoke(app, ["log-level", *words, "--url", "http://127.0.0.1:1"])
    assert (refused.exit_code, "--" in refused.output) == (2, True)
