"""The committed AsyncAPI document is the gateway's, complete, and true of what followers are told."""

import json
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from api.contracts import FOLDER, REFRESH, documents
from api.main import create_app
from shared.events import FRAME
from shared.ports import Record
from shared.sessions import FROM_CLIENT, FROM_GATEWAY
from shared.settings import JobSettings, LimitSettings, Settings
from tests.support.following import events_of
from tests.support.gateway import SPEC, House, serving
from tests.support.jobs import ERROR

RECORDS = {"record", "missed", "restarted", "end"}
"""Messages about the records of a pipeline, which aren't events of a job."""
DOCUMENT: dict[str, Any] = json.loads((FOLDER / "asyncapi.json").read_text("utf-8"))


def resolved(reference: str) -> Any:
    """What a reference inside the document leads to."""
    place: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        place = place[part]
    return place


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def test_document_is_fresh() -> None:
    assert (FOLDER / "asyncapi.json").read_text("utf-8") == documents()["asyncapi.json"], f"run: {REFRESH}"


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > 20
    for reference in found:
        assert resolved(reference)


def test_document_has_the_parts_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    told: dict[str, set[str]] = {}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        told.setdefault(operation["channel"]["$ref"], set()).update(
            reference["$ref"].split("/")[-1] for reference in operation["messages"]
        )
    for channel, messages in told.items():
        assert messages == resolved(channel)["messages"].keys()


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_channels_are_routes_of_the_gateway() -> None:
    app = create_app()
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    streams = {"/api/v1/jobs/{job_id}/events", "/api/v1/jobs/{job_id}/metadata/stream"}
    assert addresses == {"/api/v1/ws/jobs/{job_id}", "/api/v1/ws/events", "/api/v1/ws/sessions", *streams}
    assert str(app.url_path_for("follow_job", job_id="x")) == "/api/v1/ws/jobs/x"
    assert str(app.url_path_for("follow_all")) == "/api/v1/ws/events"
    assert streams <= app.openapi()["paths"].keys()


def test_everything_said_in_a_session_is_a_message() -> None:
    told = FROM_GATEWAY.json_schema()["discriminator"]["mapping"].keys()
    said = FROM_CLIENT.json_schema()["discriminator"]["mapping"].keys()
    messages = DOCUMENT["channels"]["session"]["messages"].keys()
    assert told <= messages
    assert len(messages) == len(told) + len(said)
    assert str(create_app().url_path_for("live_session")) == "/api/v1/ws/sessions"


def test_every_frame_of_the_language_is_a_message() -> None:
    types = FRAME.json_schema()["discriminator"]["mapping"].keys()
    assert (
        DOCUMENT["components"]["messages"].keys()
        == types | RECORDS | DOCUMENT["channels"]["session"]["messages"].keys()
    )


def validator(kind: str) -> Draft202012Validator:
    payload = DOCUMENT["components"]["messages"][kind]["payload"]
    return Draft202012Validator({**payload, "components": DOCUMENT["components"]})


@pytest.mark.parametrize("channel", ["job", "feed"])
async def test_what_is_told_is_as_described(channel: str) -> None:
    house = House(Settings(limits=LimitSettings(ping_s=0.2)))
    allowed = DOCUMENT["channels"][channel]["messages"].keys()
    seen: set[str] = set()
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
        path = DOCUMENT["channels"][channel]["address"].format(job_id=job_id)
        async with connect(f"ws://{server.address}{path}") as socket:
            seen.add(json.loads(await socket.recv())["type"])
            claim = house.claim(job_id)
            house.progress(claim, 0.5)
            await client.post(f"/api/v1/jobs/{job_id}/cancel")
            house.settle(claim)
            if channel == "feed":
                house.bus.interrupt()
            with suppress(ConnectionClosedError):
                async for text in socket:
                    told = json.loads(text)
                    validator(told["type"]).validate(told)
                    seen.add(told["type"])
        assert str(socket.close_code) in DOCUMENT["channels"][channel]["x-close-codes"]
    lagged = {"lagged"} if channel == "feed" else set[str]()
    assert seen - {"ping"} == {"snapshot", "state", "progress", "cancel_requested"} | lagged
    assert seen <= allowed


async def test_what_is_told_of_records_is_as_described() -> None:
    house = House(Settings(jobs=JobSettings(records_kept=2)))
    channel = DOCUMENT["channels"]["jobMetadata"]
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
        claim = house.claim(job_id)
        house.attempts.measure(claim, [], [Record(0, '{"objects":[]}')] * 3)
        house.attempts.give_up(job_id, claim.fence, claim.worker, ERROR)
        claim = house.claim(job_id)
        house.attempts.measure(claim, [], [Record(0, '{"objects":[]}')] * 3)
        house.settle(claim)
        told = events_of((await client.get(channel["address"].format(job_id=job_id) + "?after=1")).text)
    assert [each["event"] for each in told] == ["restarted", "missed", "record", "record", "end"]
    for each in told:
        assert each["event"] in channel["messages"]
        validator(each["event"]).validate(json.loads(each["data"]))
