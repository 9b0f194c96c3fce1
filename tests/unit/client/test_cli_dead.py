"""`framelane dead` and `framelane requeue` against a served gateway."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import JOB_FAILED, OK, PROBLEM
from tests.support.following import submitted
from tests.support.gateway import House, StartedServer, serving


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


async def run(server: StartedServer, *words: str) -> Result:
    url = ["--url", f"http://{server.address}"]
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, *url])


async def died(server: StartedServer, house: House, **changes: object) -> str:
    async with httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = await submitted(client, **changes)
    house.bury(job_id)
    return job_id


async def test_the_dead_are_shown_with_what_they_died_of(server: StartedServer, house: House):
    assert "no job is dead" in (await run(server, "dead")).stdout
    dead = await died(server, house)
    shown = await run(server, "dead")
    assert (shown.exit_code, dead in shown.stdout, "poison: SIGKILL" in shown.stdout) == (OK, True, True)
    (job,) = json.loads((await run(server, "dead", "--json")).stdout)
    assert job["id"] == dead


async def test_some_are_requeued_by_their_ids(server: StartedServer, house: House):
    dead = [await died(server, house) for _ in range(2)]
    done = await run(server, "requeue", *dead)
    assert done.exit_code == OK
    assert [line.split()[0] for line in done.stdout.splitlines()] == dead
    again = await run(server, "requeue", dead[0], "nonsense", "--json")
    assert again.exit_code == JOB_FAILED
    told = json.loads(again.stdout)
    assert told["requeued"][0]["job"] in done.stdout
    assert (told["failed"][0]["id"], told["failed"][0]["error"]["code"]) == ("nonsense", "job-not-found")


async def test_all_that_match_are_requeued(server: StartedServer, house: House):
    door = await died(server, house, labels={"camera": "door"})
    yard = await died(server, house, labels={"camera": "yard"})
    told = json.loads((await run(server, "requeue", "--all", "--label", "camera=door", "--json")).stdout)
    assert [each["id"] for each in told["requeued"]] == [door]
    assert yard in (await run(server, "requeue", "--all")).stdout
    assert "no job is dead" in (await run(server, "requeue", "--all")).stdout


async def test_one_that_cant_be_is_said_on_stderr(server: StartedServer, house: House):
    dead = await died(server, house)
    house.jobs.jobs[dead].blobs_until = 0
    done = await run(server, "requeue", "--all")
    assert (done.exit_code, done.stdout) == (JOB_FAILED, "")
    assert dead in done.stderr
    assert "inputs-expired" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("words", [[], ["x", "--all"], ["x", "--kind", "inference"]])
async def test_wrong_usage(server: StartedServer, words: list[str]):
    done = await run(server, "requeue", *words)
    assert (done.exit_code, done.stdout) == (PROBLEM, "")
