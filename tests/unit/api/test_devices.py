"""What the gateway tells of devices, and where it sends jobs."""

import httpx2
import pytest

from shared.devices import DeviceInfo
from shared.results import InstalledFile, InstalledModel
from tests.support.gateway import SPEC, House, worker

GIB = 1024**3
CARD = DeviceInfo(
    id="GPU.0",
    family="GPU",
    full_name="NVIDIA H200",
    memory_bytes=140 * GIB,
    vendor="nvidia",
    uuid="GPU-5f3a",
    capabilities=["FP32", "FP16", "sm_90"],
)


def announce(house: House, *workers) -> None:
    for each in workers:
        house.beacon.announce(each, 3_600)


@pytest.fixture
def with_a_card(house: House) -> House:
    announce(
        house,
        worker(
            "gpu.0", device=CARD, memory_free_bytes=100 * GIB, busy=1, service_ms={"inference/asl": 2.0, "*": 2.0}
        ),
        worker("gpu", device=CARD.model_copy(update={"id": "GPU"}), memory_free_bytes=100 * GIB, leased_by="j/3"),
    )
    return house


async def test_a_card_is_one_device_whatever_lanes_it_has(client: httpx2.AsyncClient, with_a_card: House):
    with_a_card.crew.leases.acquire("here", CARD.key, "4f-job/3", 30)
    devices = (await client.get("/api/v1/devices")).json()["devices"]
    cpu, card = devices
    assert (cpu["id"], cpu["lease"], cpu["unready"]) == ("CPU", None, None)
    assert (card["full_name"], card["uuid"], card["vendor"]) == ("NVIDIA H200", "GPU-5f3a", "nvidia")
    assert (card["lanes"], card["workers"], card["slots"], card["busy"]) == (["gpu", "gpu.0"], 2, 4, 1)
    assert (card["memory_bytes"], card["memory_free_bytes"]) == (140 * GIB, 100 * GIB)
    assert card["service_ms"] == {"inference/asl": 2.0, "*": 2.0}
    assert card["lease"]["job_id"] == "4f-job"
    assert 0 < card["lease"]["left_s"] <= 30
    (leased,) = [each for each in (await client.get("/api/v1/workers")).json()["workers"] if each["leased_by"]]
    assert (leased["lane"], leased["leased_by"]) == ("gpu", "j/3")


async def accepted(client: httpx2.AsyncClient, **fields) -> httpx2.Response:
    return await client.post("/api/v1/jobs", json={**SPEC, **fields})


async def test_auto_goes_where_the_model_is_answered_soonest(client: httpx2.AsyncClient, house: House):
    announce(
        house,
        worker("cpu", service_ms={"inference/asl": 40.0, "*": 40.0}),
        worker("gpu.0", device=CARD, service_ms={"inference/asl": 15.0, "*": 15.0}),
    )
    lanes = [(await accepted(client)).json()["lane"] for _ in range(4)]
    assert lanes[0].startswith("gpu")
    assert len(set(lanes)) > 1, "those that wait count"


async def test_a_device_that_disappeared_takes_no_jobs_and_says_so(client: httpx2.AsyncClient, house: House):
    announce(house, worker("gpu.0", device=CARD, unready="GPU.0 (NVIDIA H200) has disappeared"))
    refused = await accepted(client, device="GPU.0")
    assert refused.status_code == 503
    assert "GPU.0 (NVIDIA H200) has disappeared" in refused.json()["detail"]
    assert refused.json()["type"] == "urn:framelane:error:device-unavailable"
    assert refused.headers["Retry-After"]
    assert (await accepted(client)).json()["lane"] == "cpu"
    card = (await client.get("/api/v1/devices")).json()["devices"][1]
    assert (card["slots"], card["unready"]) == (2, "GPU.0 (NVIDIA H200) has disappeared")


async def test_a_leased_device_s_jobs_are_taken_and_wait(client: httpx2.AsyncClient, house: House):
    announce(house, worker("gpu.0", device=CARD, leased_by="bench/1"))
    assert (await accepted(client)).json()["lane"] == "cpu"
    named = await accepted(client, device="GPU.0")
    assert (named.status_code, named.json()["lane"]) == (202, "gpu.0")


async def test_a_model_that_does_not_fit_is_refused_with_the_sizes(client: httpx2.AsyncClient, house: House):
    weights = InstalledFile(name="weights.pth", size=3 * GIB, sha256="0" * 64)
    house.beacon.install(
        InstalledModel(
            name="asl", version="1", files=[weights], variants=[], source="", installed_at="2026-01-01T00:00:00Z"
        )
    )
    announce(house, worker("gpu.0", device=CARD, memory_free_bytes=GIB), worker("cpu", memory_free_bytes=GIB))
    refused = await accepted(client)
    assert refused.status_code == 503
    problem = refused.json()
    assert problem["type"] == "urn:framelane:error:device-memory"
    assert "gpu.0 (has 1.00 GiB free, asl takes about 6.06 GiB)" in problem["detail"]
    announce(house, worker("cpu", memory_free_bytes=64 * GIB))
    assert (await accepted(client)).json()["lane"] == "cpu"
