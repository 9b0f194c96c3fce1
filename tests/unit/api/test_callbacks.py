"""Who may be called back is checked before there is a job."""

import httpx2
import pytest
from pydantic import SecretStr

from shared.settings import CallbackSettings, Settings
from tests.support.gateway import SPEC, House, calling

SECRET = SecretStr("whsec_" + "QUJD" * 8)


def house_of(*private_hosts: str) -> House:
    return House(Settings(callbacks=CallbackSettings(secret=SECRET, private_hosts=list(private_hosts))))


async def test_without_a_secret_none_is_taken(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC | {"callback_url": "https://example.com/hook"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/callback_url")
    assert "FRAMELANE_CALLBACKS__SECRET" in error["message"]
    assert house.kept == []


@pytest.mark.parametrize(
    "url", ["https://example.com/hook?x=1", "http://93.184.215.14:8080", "http://[2606:4700::1]/"]
)
async def test_public_addresses_are_taken(url: str) -> None:
    house = house_of()
    async with calling(house) as client:
        for spec in (SPEC, {"kind": "model_download", "models": ["asl"]}, {"kind": "sweep"}):
            answer = await client.post("/api/v1/jobs", json=spec | {"callback_url": url, "retention_s": 60})
            assert (answer.status_code, answer.json()["callback"]) == (202, None)
            task = house.jobs.kept(answer.json()["id"]).record.spec
            assert (task.callback_url, task.retention_s) == (url, 60)


REFUSED = [
    "http://localhost/",
    "http://LOCALHOST.:80/",
    "http://a.localhost/",
    "http://127.0.0.1:6379/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::1]/",
    "http://[fe80::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://0.0.0.0/",
    "http://user:pass@127.0.0.1/",
    "http://example.com:99999/",
    "ftp://example.com/",
    "https://",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_others_are_refused_before_there_is_a_job(url: str) -> None:
    house = house_of()
    async with calling(house) as client:
        answer = await client.post("/api/v1/jobs", json=SPEC | {"callback_url": url})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/callback_url")
    assert house.kept == []


async def test_private_ones_that_the_operator_named_are_taken() -> None:
    async with calling(house_of("localhost", "10.1.0.0/16")) as client:
        for url in ("http://localhost:9000/", "http://10.1.2.3/"):
            assert (await client.post("/api/v1/jobs", json=SPEC | {"callback_url": url})).status_code == 202
        assert (
            await client.post("/api/v1/jobs", json=SPEC | {"callback_url": "http://10.2.0.1/"})
        ).status_code == 422


async def test_it_is_told_with_all_other_broken_rules(client: httpx2.AsyncClient) -> None:
    spec = SPEC | {"model": "nobody", "device": "NPU", "callback_url": "http://localhost/"}
    answer = await client.post("/api/v1/jobs", json=spec)
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/model", "/callback_url"}


async def test_how_far_the_delivery_is_can_be_seen() -> None:
    house = house_of()
    async with calling(house) as client:
        job_id = (await client.post("/api/v1/jobs", json=SPEC | {"callback_url": "https://example.com/"})).json()[
            "id"
        ]
        house.finish(job_id)
        (due,) = house.attempts.due_callbacks(60)
        assert (due.job_id, due.url) == (job_id, "https://example.com/")
        seen = (await client.get(f"/api/v1/jobs/{job_id}")).json()["callback"]
        assert (seen["state"], seen["error"]) == ("waiting", None)
        house.attempts.callback_tried(job_id, "the answer was 500", None)
        seen = (await client.get(f"/api/v1/jobs/{job_id}")).json()["callback"]
        assert (seen["state"], seen["error"]) == ("failed", "the answer was 500")


@pytest.mark.parametrize("retention", [0, -1, 1e9, "60", True, "NaN"])
async def test_retention_has_bounds(retention: object, client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/jobs", json=SPEC | {"retention_s": retention})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/retention_s")
