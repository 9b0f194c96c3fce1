"""Photos and image sets of the library as inputs of inference jobs."""

import httpx2
import pytest

from shared.packing import InferenceTask, PackedInput
from shared.results import InstalledFile, InstalledMedium
from tests.support.gateway import House, worker

JOBS = "/api/v1/jobs"
HAND = [{"x": 0.1, "y": 0.2, "z": 0.0}] * 21


@pytest.fixture
def house() -> House:
    house = House()
    house.beacon.announce(worker("cpu", runtimes=["openvino"]), 3_600)
    for name, kind, frames in (("cat", "photo", 1), ("walk", "image_set", 6_000), ("bikes", "video", 250)):
        house.beacon.add_medium(
            InstalledMedium(
                name=name,
                version="0" * 16,
                kind=kind,
                file=InstalledFile(name=name, size=1, sha256="0" * 64),
                container="",
                codec="png",
                width=640,
                height=272,
                fps=0,
                frames=frames,
                duration_s=0,
                licence="MIT",
                installed_at="2026-01-01T00:00:00Z",
            )
        )
    return house


def job(*names: str, model: str = "face_detector") -> dict[str, object]:
    return {"kind": "inference", "model": model, "inputs": [{"media": name} for name in names]}


async def test_they_are_named_in_the_task(client: httpx2.AsyncClient, house: House) -> None:
    answer = await client.post(JOBS, json=job("cat", "walk"))
    assert answer.status_code == 202, answer.text
    kept = house.jobs.kept(answer.json()["id"])
    assert isinstance(kept.record.spec, InferenceTask)
    assert kept.record.spec.inputs == [
        PackedInput(kind="image", blob=0, rows=1, media=name) for name in ("cat", "walk")
    ]
    assert kept.blobs == []


async def test_what_is_not_there_is_said(client: httpx2.AsyncClient) -> None:
    answer = await client.post(JOBS, json=job("cat", "dog"))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:medium-not-installed")
    assert "not in the library: dog; GET /api/v1/images" in answer.json()["detail"]


async def test_videos_are_for_pipelines(client: httpx2.AsyncClient) -> None:
    spec = job("cat", "bikes", model="asl")
    spec["inputs"] = [{"landmarks": HAND}, {"landmarks": HAND}, *spec["inputs"]]  # type: ignore[misc]
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/inputs/3/media"
    assert "bikes is a video" in error["message"]


async def test_there_is_a_limit_to_images(client: httpx2.AsyncClient) -> None:
    answer = await client.post(JOBS, json=job("walk", "walk"))
    assert answer.status_code == 422
    assert "10,000 rows and images in all, not 12,000" in answer.text


@pytest.mark.parametrize(("name", "said"), [("../x", "pattern"), ("", "at least 1"), (7, "string")])
async def test_a_name_is_a_name(client: httpx2.AsyncClient, name: object, said: str) -> None:
    answer = await client.post(JOBS, json={"kind": "inference", "model": "asl", "inputs": [{"media": name}]})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/inputs/0/media"
    assert said in error["message"]


async def test_a_model_of_movements_takes_none(client: httpx2.AsyncClient) -> None:
    answer = await client.post(JOBS, json=job("cat", model="lstm"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"].startswith("model lstm doesn't take image inputs")


async def test_a_medium_that_a_job_waits_for_stays(client: httpx2.AsyncClient) -> None:
    assert (await client.post(JOBS, json=job("cat"))).status_code == 202
    answer = await client.delete("/api/v1/images/cat")
    assert answer.status_code == 409, answer.text
    assert "job " in answer.json()["detail"]
