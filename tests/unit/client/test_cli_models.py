"""Models from the command line; the test plays the worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import OK, PROBLEM
from shared.jobs import Completed
from shared.results import (
    ConvertResult,
    Drift,
    InstalledModel,
    ModelDeleteResult,
    ModelUploadResult,
    VariantDetails,
)
from tests.support.gateway import House, StartedServer, serving, worker

MODEL = InstalledModel(
    name="mine", version="1" * 16, files=[], variants=["openvino-FP32"], source="uploaded", installed_at=""
)
DRIFT = Drift(samples=4, inputs="4 pictures of bikes", max_abs=0.25, mean_abs=0.001, top1_agreement=0.75)


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


@pytest.fixture
def house() -> House:
    house = House()
    house.beacon.announce(worker("cpu.long"), 3_600)
    return house


@pytest.fixture
def network(tmp_path: Path) -> Path:
    for name, content in {
        "net.xml": "<net/>",
        "net.bin": "1",
        "labels.txt": "a\n\nb\n",
        "proc.json": "{}",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


async def run(server: StartedServer, *words: object) -> Result:
    url = ["--url", f"http://{server.address}"]
    return await asyncio.to_thread(CliRunner().invoke, app, [*map(str, words), *url])


async def played(
    house: House, running: "asyncio.Task[Result]", result: Any, lane: str = "io"
) -> tuple[Any, Result]:
    claim = house.claim(await house.take(lane))
    house.attempts.settle(claim, Completed(result=result), ())
    return claim.job.spec, await running


def upload(server: StartedServer, folder: Path, *more: object) -> "asyncio.Task[Result]":
    words = (
        "models",
        "upload",
        folder / "net.xml",
        folder / "net.bin",
        "--name",
        "mine",
        "--category",
        "detection",
    )
    return asyncio.create_task(run(server, *words, *more))


async def test_files_become_a_model(server: StartedServer, house: House, network: Path):
    told = ("--labels", network / "labels.txt", "--model-proc", network / "proc.json", "--licence", "MIT")
    spec, said = await played(house, upload(server, network, *told), ModelUploadResult(model=MODEL))
    assert said.exit_code == OK, said.output
    assert (spec.model.labels, spec.model.model_proc, spec.model.licence) == (["a", "b"], {}, "MIT")
    files = [house.uploads.get(each.upload) for each in spec.model.files]
    assert [each.filename for each in files] == ["net.xml", "net.bin"]
    assert [each.sha256 for each in files] == [each.sha256 for each in spec.model.files]
    assert f"mine {'1' * 16}: openvino-FP32" in said.stdout


async def test_what_is_no_model_is_told(server: StartedServer, network: Path):
    refused = await run(
        server, "models", "upload", network / "labels.txt", "--name", "m", "--category", "detection"
    )
    assert (refused.exit_code, "isn't a file of a model" in refused.stderr) == (PROBLEM, True)
    broken = await upload(server, network, "--model-proc", network / "net.xml")
    assert (broken.exit_code, "not JSON" in broken.stderr) == (2, True)


async def test_variants_are_told_with_their_drift(server: StartedServer, house: House):
    words = ("models", "convert", "asl", "--precision", "INT8")
    result = ConvertResult(model=MODEL, variants={"openvino-INT8": VariantDetails(precision="INT8", drift=DRIFT)})
    spec, said = await played(house, asyncio.create_task(run(server, *words)), result, "cpu.long")
    assert said.exit_code == OK, said.output
    assert (spec.model, spec.precisions, spec.calibration.media) == ("asl", ["INT8"], [])
    assert "off by 0.25 at most, 0.001 on average, 75% of answers the same" in " ".join(said.stdout.split())


async def test_models_are_listed_and_deleted(server: StartedServer, house: House):
    house.beacon.install(MODEL.model_copy(update={"entry": {"name": "mine"} | _ENTRY}))
    assert "mine" in (await run(server, "models")).stdout
    found = json.loads((await run(server, "models", "list", "--json")).stdout)
    assert {each["name"] for each in found} >= {"mine", "asl"}
    running = asyncio.create_task(run(server, "models", "delete", "mine", "--force"))
    spec, said = await played(house, running, ModelDeleteResult(models=["mine"], freed_bytes=2_000_000))
    assert (spec.models, spec.force) == (["mine"], True)
    assert "removed mine, 2.0 MB freed" in said.stdout
    quick = await run(server, "models", "delete", "asl", "--no-wait", "--json")
    assert json.loads(quick.stdout)["kind"] == "model_delete"


_ENTRY = {
    "display_name": "Mine",
    "category": "detection",
    "licence": "MIT",
    "architecture": "network",
    "files": [],
    "accepts": ["image"],
}
