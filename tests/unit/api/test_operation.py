"""How the gateway is, who works for it, and whom it lets in."""

import asyncio
import os
import re

import httpx2
import pytest
from pydantic import SecretStr

from api.main import create_app, main
from api.middleware import is_loopback
from shared.access_settings import AuthSettings, WebSettings
from shared.errors import StoreUnavailable
from shared.settings import LimitSettings, Settings
from shared.workers import LaneBacklog
from tests.support.access import ADMIN_KEY
from tests.support.gateway import SPEC, House, calling, serving, worker


async def test_live_and_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "ok"}
    ready = await client.get("/health/ready")
    assert (ready.status_code, set(ready.json()["checks"].values())) == (200, {"ok"})
    assert ready.json()["checks"].keys() == {"store", "queue", "artifacts", "events"}


async def test_health_is_told_without_a_body_too(client: httpx2.AsyncClient, house: House) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    house.queue.down = True
    assert (await client.head("/health/ready")).status_code == 503


async def test_root_leads_to_the_documentation(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/docs")
    assert b"cdn.redoc.ly" not in (await client.get("/docs-assets/redoc.standalone.js")).content


async def test_not_ready_names_the_part(client: httpx2.AsyncClient, house: House) -> None:
    house.queue.down = True
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "queue: The queue can't be reached"
    assert answer.json()["checks"]["store"] == "ok"
    assert (await client.get("/health/live")).status_code == 200


async def test_gateway_starts_without_its_parts_and_finds_them_later(house: House) -> None:
    house.queue.down = True
    async with calling(house) as client:
        assert (await client.get("/api/v1/status")).json()["phase"] == "initializing"


@pytest.mark.parametrize("hangs", [False, True])
async def test_status_without_the_store_tells_the_phase(
    hangs: bool, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> dict[str, LaneBacklog]:
        if hangs:
            await asyncio.Event().wait()
        raise StoreUnavailable

    house.queue.down = True
    monkeypatch.setattr(house.parts.store, "backlog", away)
    async with calling(house) as client:
        answer = await client.get("/api/v1/status")
        monkeypatch.undo()
        again = (await client.get("/api/v1/status")).json()
    told = answer.json()
    assert (answer.status_code, told.pop("version") != "") == (200, True)
    nothing = {"lanes": [], "workers": 0, "oldest_wait_ms": None, "records_since": None, "warnings": []}
    assert told == {"phase": "initializing"} | nothing
    assert [lane["name"] for lane in again["lanes"]] == ["cpu", "io"]


async def test_status_tells_lanes(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.announce(worker("gpu.1", concurrency=4, busy=3), 60)
    await client.post("/api/v1/jobs", json=SPEC)
    status = (await client.get("/api/v1/status")).json()
    assert (status["phase"], status["workers"]) == ("ready", 3)
    lanes = {lane["name"]: lane for lane in status["lanes"]}
    assert lanes.keys() == {"cpu", "io", "gpu", "gpu.1"}
    assert (lanes["cpu"]["depth"], lanes["io"]["depth"]) == (1, 0)
    assert lanes["cpu"]["oldest_wait_ms"] >= 0
    assert status["oldest_wait_ms"] == lanes["cpu"]["oldest_wait_ms"]
    assert (lanes["gpu.1"]["device"], lanes["gpu.1"]["slots"], lanes["gpu.1"]["busy"]) == ("GPU.1", 4, 3)
    assert {lane["lane_class"] for lane in lanes.values()} == {"fast", "io"}


async def test_devices_are_what_workers_say(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.announce(worker("cpu", id="cpu-2", busy=1, models=["asl"], runtimes=["openvino"]), 60)
    house.beacon.announce(worker("cpu", id="cpu-3", host="there"), 60)
    devices = (await client.get("/api/v1/devices")).json()["devices"]
    assert [(each["host"], each["id"], each["workers"]) for each in devices] == [
        ("here", "CPU", 3),
        ("there", "CPU", 1),
    ]
    first = devices[0]
    assert (first["lanes"], first["runtimes"], first["models"]) == (
        ["cpu", "io"],
        ["mediapipe", "openvino", "torch"],
        ["asl"],
    )
    assert (first["slots"], first["busy"], first["load"]) == (6, 1, pytest.approx(1 / 6))
    workers = (await client.get("/api/v1/workers")).json()["workers"]
    assert {each["id"] for each in workers} == {"cpu-1", "io-1", "cpu-2", "cpu-3"}


async def test_documentation_needs_no_internet(client: httpx2.AsyncClient) -> None:
    for page in ("/docs", "/redoc"):
        answer = await client.get(page)
        html = answer.text
        assert answer.status_code == 200
        assert not re.findall(r"(?:https?:)?//[^\s\"'<>]+", html)
        assets = re.findall(r"(?:src|href|spec-url)=\"([^\"]+)\"|url: '([^']+)'", html)
        found = {one or other for one, other in assets}
        assert len(found) >= 3
        for asset in found:
            fetched = await client.get(asset)
            assert (asset, fetched.status_code) == (asset, 200)
            assert len(fetched.content) > 1_000
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy


async def test_answers_carry_safe_headers(client: httpx2.AsyncClient) -> None:
    for answer in (
        await client.get("/api/v1/jobs"),
        await client.get("/nothing"),
        await client.get("/api/v1/files/x"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


HOSTS = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "",
    "[",
    "evil.example:80",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_name_of_someone_elses_is_refused(host: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC, headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:framelane:error:forbidden-host")
    assert answer.headers["content-type"] == "application/problem+json"
    assert house.kept == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.8.8.8", "[::1]:8000", "localhost."]
)
async def test_own_names_are_served(host: str, client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "ftp://localhost"]
)
async def test_pages_of_strangers_change_nothing(origin: str, client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:framelane:error:forbidden-origin")
    assert house.kept == []
    assert (await client.get("/health/live", headers={"Origin": origin})).status_code == 200


async def test_a_page_may_call_its_own_host_and_named_ones_may() -> None:
    settings = Settings(
        auth=AuthSettings(mode="keys", admin_key=SecretStr(ADMIN_KEY)),
        web=WebSettings(origins=["https://a.example"]),
    )
    house = House(settings)
    async with calling(house) as client:

        async def status(host: str, origin: str) -> int:
            headers = {"Host": host, "Origin": origin, "Authorization": f"Bearer {ADMIN_KEY}"}
            return (await client.post("/api/v1/jobs", json=SPEC, headers=headers)).status_code

        assert await status("lab.example", "http://lab.example") == 202
        assert await status("lab.example:8000", "http://lab.example:8000") == 202
        assert await status("lab.example:8000", "http://lab.example") == 403
        assert await status("lab.example", "http://lab.example.evil.example") == 403
        assert await status("lab.example", "https://a.example") == 202
        assert await status("lab.example", "https://a.example.evil.example") == 403
        assert await status("lab.example", "https://a.example:8443") == 403
        assert await status("lab.example", "http://a.example") == 403
        assert await status("lab.example", "http://127.0.0.1") == 403
        assert await status("lab.example", "null") == 403


async def test_client_from_elsewhere_is_refused(house: House) -> None:
    app = create_app(house.settings, house.parts)
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 5))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/health/live")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:framelane:error:forbidden-client")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example"])
def test_other_addresses_need_keys(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--host", host])
    assert stopped.value.code == os.EX_CONFIG
    assert "set FRAMELANE_AUTH=keys" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


async def test_fault_of_ours_tells_nothing_of_the_inside(house: House) -> None:
    app = create_app(house.settings, house.parts)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password at /var/lib/secret")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/broken", headers={"X-Request-ID": "find-me"})
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:framelane:error:internal")
    assert "find-me" in answer.json()["detail"]
    assert not any(word in answer.text for word in ("password", "secret", "RuntimeError"))


async def test_server_says_neither_its_name_nor_the_time(house: House) -> None:
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        answer = await client.get("/health/live")
    assert not {"server", "date"} & set(answer.headers)


async def test_body_over_the_limit_on_a_real_connection() -> None:
    house = House(Settings(limits=LimitSettings(body_bytes=100_000)))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        answer = await client.post("/api/v1/jobs", content=b" " * 3_000_000)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:framelane:error:body-too-large")
        assert (await client.post("/api/v1/jobs", json=SPEC)).status_code == 202
