"""Who changed what is remembered, and who only looked isn't."""

import httpx2
import pytest

from shared.audit_settings import AuditSettings
from shared.errors import StoreUnavailable
from shared.settings import Settings
from tests.support.gateway import SPEC, House, calling
from tests.support.polling import soon

PREDICT = "/api/v1/gestures/asl/predict"


async def entries(client: httpx2.AsyncClient, count: int) -> list[dict[str, object]]:
    """The log, once it has so many."""

    async def enough() -> list[dict[str, object]] | None:
        found = (await client.get("/api/v1/audit")).json()["entries"]
        return found if len(found) >= count else None

    return await soon(enough)


async def test_what_changes_something_is_recorded(house: House):
    async with calling(house) as client:
        job = (await client.post("/api/v1/jobs", json=SPEC, headers={"X-Request-ID": "asked-1"})).json()
        await client.get(f"/api/v1/jobs/{job['id']}?secret=no")
        await client.post(f"/api/v1/jobs/{job['id']}/cancel?token=hidden")
        await client.delete("/api/v1/models/none")
        found = await entries(client, 3)
    assert [(each["target"], each["status"], each["outcome"]) for each in found] == [
        ("DELETE /api/v1/models/none", 404, "refused"),
        (f"POST /api/v1/jobs/{job['id']}/cancel", 422, "refused"),
        ("POST /api/v1/jobs", 202, "done"),
    ]
    assert found[-1]["action"] == "submit_job"
    assert (found[-1]["request_id"], found[-1]["address"]) == ("asked-1", "127.0.0.1")


@pytest.mark.parametrize("recorded", [False, True])
async def test_predictions_if_one_asks_for_it(recorded: bool):
    house = House(settings=Settings(audit=AuditSettings(predictions=recorded)))
    async with calling(house) as client:
        await client.post(PREDICT, content=b"{", headers={"Content-Type": "application/json"})
        await client.delete("/api/v1/models/none")
        found = await entries(client, 2 if recorded else 1)
    assert (f"POST {PREDICT}" in [each["target"] for each in found]) is recorded


async def test_it_can_be_off():
    house = House(settings=Settings(audit=AuditSettings(enabled=False)))
    async with calling(house) as client:
        await client.delete("/api/v1/models/none")
    assert await house.parts.audit.newest(5) == []


async def test_what_happens_last_is_kept_too(house: House):
    async with calling(house) as client:
        await client.delete("/api/v1/models/none")
    assert len(await house.parts.audit.newest(5)) == 1


async def test_pages(house: House):
    async with calling(house) as client:
        for number in range(5):
            await client.delete(f"/api/v1/models/{number}")
        await entries(client, 5)
        first = (await client.get("/api/v1/audit?limit=3")).json()
        second = (await client.get(f"/api/v1/audit?limit=3&before={first['next_before']}")).json()
        broken = await client.get("/api/v1/audit?before=x")
    targets = [each["target"][-1] for each in first["entries"] + second["entries"]]
    assert (targets, second["next_before"]) == (list("43210"), None)
    assert (broken.status_code, broken.json()["errors"][0]["pointer"]) == (422, "/before")


async def test_nothing_is_lost_while_the_store_is_away(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.services.recorder._PAUSE_S", 0.01)
    keep, failures = house.parts.audit.append, 3

    async def append(entries: object) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnavailable
        await keep(entries)  # type: ignore[arg-type]

    monkeypatch.setattr(house.parts.audit, "append", append)
    async with calling(house) as client:
        await client.delete("/api/v1/models/a")
        await client.delete("/api/v1/models/b")
        assert len(await entries(client, 2)) == 2


async def test_messages_of_strangers(house: House):
    async with calling(house) as client:
        answer = await client.get("/api/v1/messages/rejected")
    assert answer.json() == {"total": 0, "newest": []}
