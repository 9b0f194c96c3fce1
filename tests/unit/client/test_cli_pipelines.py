"""`framelane pipelines` and `framelane submit pipeline` against a served gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import OK, PROBLEM
from client.sdk import AsyncFramelane
from shared.jobs import Completed
from shared.packing import PipelineTask
from shared.results import InstalledFile, InstalledMedium, Latency, PipelineResult, StreamFigures
from tests.support.gateway import House, StartedServer, serving, worker

FILE = """
name: Yard
definition: What goes on there
extra: 1
variants:
  - {name: CPU, pipeline_description: filesrc location=/videos/bikes.mp4 ! decodebin3 ! fakesink}
"""
RESULT = PipelineResult(
    pipeline_id="/pipelines/person-detection/variants/cpu",
    ended="eos",
    streams=[
        StreamFigures(stream=0, frames=250, fps=51.5, latency=Latency(avg_ms=20.25, min_ms=9, max_ms=40)),
        StreamFigures(stream=1, frames=250, fps=48.5),
    ],
    total_fps=100,
    slowest_fps=48.5,
    run_s=5.1,
    first_frame_ms=300,
    outputs=[],
    metadata=[],
    records=500,
    warnings=["gvawatermark: nothing to draw on"],
)


@pytest.fixture
def house() -> House:
    house = House()
    house.beacon.announce(worker("cpu.long"), 3_600)
    house.beacon.add_medium(
        InstalledMedium(
            name="bikes",
            version="0" * 16,
            kind="video",
            file=InstalledFile(name="bikes.mp4", size=1, sha256="0" * 64),
            container="mp4",
            codec="h264",
            width=640,
            height=272,
            fps=25,
            frames=250,
            duration_s=10,
            licence="BSD-3-Clause",
            installed_at="2026-01-01T00:00:00Z",
        )
    )
    return house


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


async def run(server: StartedServer, *words: str, given: str | None = None) -> Result:
    url = ["--url", f"http://{server.address}"]
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, *url], input=given)


async def test_what_there_is_is_listed_and_shown(server: StartedServer):
    listed = await run(server, "pipelines")
    assert listed.exit_code == OK
    assert "person-detection" in listed.stdout
    assert "cpu gpu npu" in listed.stdout
    assert (await run(server, "pipelines", "list")).stdout == listed.stdout
    found = json.loads((await run(server, "pipelines", "list", "--json")).stdout)
    assert len(found) >= 8
    shown = await run(server, "pipelines", "show", "person-detection")
    assert "Finds people" in shown.stdout
    assert "! gvadetect model=person-ssdlite device=NPU" in shown.stdout.replace("\n", " ")
    missing = await run(server, "pipelines", "show", "nothing")
    assert (missing.exit_code, "pipeline-not-found" in missing.stderr) == (PROBLEM, True)


async def test_a_file_comes_in_and_goes_out(server: StartedServer, tmp_path: Path):
    file = tmp_path / "yard.yaml"
    file.write_text(FILE)
    made = await run(server, "pipelines", "import", str(file))
    assert (made.exit_code, made.stdout) == (OK, "yard\n")
    assert "extra" in made.stderr
    again = json.loads((await run(server, "pipelines", "import", "-", "--json", given=FILE)).stdout)
    assert again["name"] == "Yard"
    out = tmp_path / "out.yaml"
    assert (await run(server, "pipelines", "export", "yard", "--to", str(out))).exit_code == OK
    exported = yaml.safe_load(out.read_text())
    assert exported["variants"][0]["pipeline_description"] == "filesrc location=bikes ! decodebin3 ! fakesink"
    assert (await run(server, "pipelines", "export", "yard")).stdout == out.read_text()
    nowhere = await run(server, "pipelines", "export", "yard", "--to", str(tmp_path / "no" / "x"))
    assert nowhere.exit_code == PROBLEM


async def test_the_sdk_does_the_same(server: StartedServer):
    async with AsyncFramelane(f"http://{server.address}") as client:
        made = await client.import_pipeline(FILE)
        assert [note.partition(":")[0] for note in made.notes] == ["extra"]
        one = await client.pipeline(made.id)
        assert one in await client.pipelines()
        assert yaml.safe_load(await client.export_pipeline(made.id))["name"] == "Yard"


async def test_a_variant_is_run_and_its_figures_are_told(server: StartedServer, house: House):
    words = (
        "submit pipeline person-detection --variant cpu --input bikes --streams 2 --metadata --output file --wait"
    )
    waiting = asyncio.create_task(run(server, *words.split()))
    claim = house.claim(await house.take("cpu.long"))
    task = claim.job.spec
    assert isinstance(task, PipelineTask)
    assert (task.streams, task.inputs, task.metadata_mode, task.output_mode) == (2, ["bikes"], "file", "file")
    house.attempts.settle(claim, Completed(result=RESULT), ())
    shown = await waiting
    assert shown.exit_code == OK, shown.output
    assert "stream 0: 250 frames, 51.5 FPS   latency 20.2 ms" in shown.stdout
    assert "100.0 FPS in all over 5.1 s, 500 records" in shown.stdout
    assert "nothing to draw on" in shown.stdout


async def test_what_is_wrong_is_told_by_rule(server: StartedServer, house: House):
    words = "submit pipeline person-detection --variant cpu --input bikes --input bikes --output live_stream"
    shown = await run(server, *words.split())
    assert shown.exit_code == PROBLEM
    assert "/inputs: the pipeline has 1 source" in shown.stderr
    assert "/output_mode: no server for live streams" in shown.stderr
    assert house.kept == []
