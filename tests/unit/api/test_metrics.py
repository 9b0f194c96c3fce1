"""Figures that a gateway tells: of itself, of lanes and of machines, to Prometheus and to screens."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from api.routes.metrics import MetricsNews
from shared.errors import StoreUnavailable
from shared.ports.queue import Rejected
from shared.settings import MetricsSettings, Settings
from shared.workers import PipelineRate
from tests.support.gateway import HAND, SPEC, House, calling, serving, worker

GPU = {"gpu_percent": 50.0, "gpu_mhz": 1_500.0, "cpu_percent": 25.0, "memory_used_bytes": 1024.0}


async def told(client: httpx2.AsyncClient) -> Callable[..., float | None]:
    """What Prometheus reads; None where there is no such figure."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: found.get((f"framelane_{name}", frozenset(labels.items())))


async def test_requests_are_counted_by_the_template_of_their_route(
    client: httpx2.AsyncClient, house: House
) -> None:
    created = (await client.post("/api/v1/jobs", json=SPEC)).json()
    await client.get(f"/api/v1/jobs/{created['id']}")
    await client.get("/api/v1/jobs/nonsense")
    await client.get("/nowhere")
    await client.request("BREW", "/nowhere")
    figure = await told(client)

    def count(route: str, status: str, method: str = "GET") -> float | None:
        return figure("http_request_seconds_count", route=route, method=method, status=status)

    assert count("/api/v1/jobs", "2xx", "POST") == 1
    assert count("/api/v1/jobs/{job_id}", "2xx") == 1
    assert count("/api/v1/jobs/{job_id}", "4xx") == 1
    assert count("other", "4xx") == 1
    assert count("other", "4xx", "other") == 1
    assert figure("jobs_accepted_total", kind="inference", lane="cpu") == 1
    assert figure("gateway_resident_bytes") > 1e6


async def test_the_fast_way_is_counted_too(house: House) -> None:
    async with calling(house) as client:
        answering = asyncio.create_task(house.answer_next())
        answer = await client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND})
        await answering
        assert answer.status_code == 200
        figure = await told(client)
    labels = {"route": "/api/v1/gestures/{model}/predict", "method": "POST", "status": "2xx"}
    assert figure("http_request_seconds_count", **labels) == 1


async def test_a_job_cancelled_while_it_waits_is_counted_here(client: httpx2.AsyncClient) -> None:
    created = (await client.post("/api/v1/jobs", json=SPEC)).json()
    await client.post(f"/api/v1/jobs/{created['id']}/cancel")
    assert (await told(client))("jobs_cancelled_waiting_total", kind="inference", lane="cpu") == 1


async def test_lanes_are_told_also_when_nobody_serves_them(client: httpx2.AsyncClient, house: House) -> None:
    await client.post("/api/v1/jobs", json=SPEC)
    figure = await told(client)
    assert (figure("lane_depth", lane="cpu"), figure("lane_ready_workers", lane="cpu")) == (1, 1)
    assert figure("lane_oldest_wait_seconds", lane="cpu") >= 0
    assert figure("lane_slots", lane="cpu") == 2
    house.beacon.withdraw("cpu-1")
    async with asyncio.timeout(5):  # what was read a moment ago is told again
        while (await told(client))("lane_ready_workers", lane="cpu"):
            pass


async def test_what_a_machine_does_not_have_is_absent(house: House) -> None:
    house.beacon.announce(worker("gpu", machine=GPU, host="there", rss_bytes=7), 3_600)
    async with calling(house) as client:
        figure = await told(client)
    assert figure("gpu_busy_ratio", host="there", device="GPU") == 0.5
    assert figure("gpu_clock_hertz", host="there", device="GPU") == 1.5e9
    assert figure("host_cpu_ratio", host="there") == 0.25
    assert figure("worker_resident_bytes", host="there", lane="gpu") == 7
    assert figure("gpu_power_watts", host="there", device="GPU") is None
    assert figure("host_cpu_ratio", host="here") is None
    assert figure("npu_busy_ratio", host="there", device="GPU") is None


async def test_without_a_store_the_rest_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_store: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(type(house.parts.store), "backlog", silent)
    async with calling(house) as client:
        figure = await told(client)
    assert figure("store_up") == 0
    assert figure("lane_depth", lane="cpu") is None
    assert figure("followers") == 0


async def test_sockets_are_counted_while_they_are_open(house: House) -> None:
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        async with connect(f"ws://{server.address}/api/v1/ws/events"):
            await server.gateway.hub.until(lambda followers: followers == 1)
            figure = await told(client)
            assert (figure("websocket_clients"), figure("followers")) == (1, 1)
        await server.gateway.hub.idle()


async def test_screens_are_told_again_and_again() -> None:
    house = House(Settings(metrics=MetricsSettings(stream_s=0.05)))
    rate = PipelineRate(slot=0, streams=2, fps=59.9)
    house.beacon.announce(worker("gpu", machine=GPU, pipelines=[rate]), 3_600)
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        async with client.stream("GET", "/api/v1/metrics/stream") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            news = [MetricsNews.model_validate(each) async for each in some(answer, 2)]
        assert news[0].at <= news[1].at
        (gpu,) = news[1].devices
        assert (gpu.device, gpu.figures["gpu_percent"]) == ("GPU", 50.0)
        assert next(one for one in news[1].workers if one.lane == "gpu").pipelines == [rate]
        assert {lane.name for lane in news[1].lanes} == {"cpu", "gpu", "io"}
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert "MetricsNews" in schemas


async def test_a_gateway_that_stops_ends_the_stream() -> None:
    house = House(Settings(metrics=MetricsSettings(stream_s=60)))
    async with (
        serving(house) as server,
        httpx2.AsyncClient(base_url=f"http://{server.address}") as client,
        client.stream("GET", "/api/v1/metrics/stream") as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        await server.gateway.leave(1)
        async with asyncio.timeout(5):
            assert all("event" not in line or line == "event: metrics" for line in [one async for one in lines])


async def some(answer: httpx2.Response, most: int) -> Any:
    """The first so many events' data."""
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
            most -= 1
            if not most:
                return


async def test_messages_that_nobody_took_are_counted(
    client: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await told(client))("messages_rejected_total") == 0
    monkeypatch.setattr(house.queue, "rejected", lambda _limit: Rejected(7, []))
    monkeypatch.setattr("api.services.overview._TTL_S", 0.0)
    assert (await told(client))("messages_rejected_total") == 7


async def test_a_broker_that_is_away_is_no_store_that_is(client: httpx2.AsyncClient, house: House) -> None:
    house.queue.down = True
    figure = await told(client)
    assert (figure("messages_rejected_total"), figure("store_up")) == (None, 1)
