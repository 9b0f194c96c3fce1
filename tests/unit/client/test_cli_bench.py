"""`framelane bench` and what the SDK can do about benchmarks, against a served gateway."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from client.cli import app
from client.cli.bench_render import benchmark_view, measured_lines
from client.cli.curve import Curve
from client.cli.output import JOB_FAILED, OK, PROBLEM
from client.sdk import ApiProblem, AsyncFramelane, Framelane
from shared.benchmarks import AnyMeasured
from shared.jobs import Completed
from shared.packing import DensityTask, OptimizeTask, PerformanceTask, SuiteTask, ValidateTask
from shared.results import StreamFigures
from tests.support.benchmarks import (
    benchmark,
    density,
    optimize,
    performance,
    run,
    suite,
    validate,
    validate_model,
)
from tests.support.gateway import House, StartedServer, serving, worker
from tests.unit.api.test_pipeline_jobs import PLAIN, medium

PEOPLE = "person-detection/cpu"


@pytest.fixture
def house() -> House:
    house = House()
    house.beacon.announce(worker("cpu.long"), 3_600)
    for name in ("bikes", "people-detection"):
        house.beacon.add_medium(medium(name))
    return house


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


async def told(server: StartedServer, *words: str, given: str | None = None) -> Result:
    url = ["--url", f"http://{server.address}"]
    return await asyncio.to_thread(CliRunner().invoke, app, ["bench", *words, *url], input=given)


async def measured(house: House, server: StartedServer, words: str, result: AnyMeasured) -> tuple[Any, Result]:
    """The task that the command line asked for, and what it says when its job has answered this."""
    waiting = asyncio.create_task(told(server, *words.split()))
    claim = house.claim(await house.take("cpu.long"))
    await server.gateway.hub.until(lambda count: count > 0)
    for rates in ([60.0], [31.0, 30.0, 30.5]):
        figures = [StreamFigures(stream=at, frames=99, fps=fps) for at, fps in enumerate(rates)]
        house.attempts.measure(claim, figures)
    house.attempts.settle(claim, Completed(result=result), ())
    return claim.job.spec, await waiting


def text_of(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


async def test_a_search_for_density_tells_every_run(house: House, server: StartedServer) -> None:
    words = f"density {PEOPLE} --floor 15 --max-streams 9 --budget 600 --repeats 2 --input bikes --label by=me"
    task, shown = await measured(house, server, words, density())
    assert isinstance(task, DensityTask)
    assert (task.fps_floor, task.max_streams, task.budget_s, task.repeats) == (15, 9, 600, 2)
    assert (task.labels, task.specs[0].inputs, task.shares[0].stream_rate) == ({"by": "me"}, ["bikes"], 100)
    assert shown.exit_code == OK, shown.output
    assert "1 stream: the slowest at 60.0 FPS" in shown.stderr
    assert "3 streams: the slowest at 30.0 FPS" in shown.stderr
    assert "6 streams keep 15 FPS: /pipelines/people/variants/cpu x6" in shown.stdout
    assert "9: slowest 10.5 FPS in 3 runs misses" in " ".join(shown.stdout.split())


def test_a_number_that_could_not_be_run_is_told() -> None:
    said = text_of(benchmark_view(benchmark(density(fails=True))))
    assert "14: couldn't be run: the pipeline's process was killed <by the kernel>\n" in said
    assert "more of it" not in said


async def test_a_test_may_end_when_its_rate_is_known(house: House, server: StartedServer) -> None:
    words = f"performance {PEOPLE}:2 --repeats 20 --precision 0.05"
    task, _ = await measured(house, server, words, performance())
    assert isinstance(task, PerformanceTask)
    assert (task.repeats, task.precision) == (20, 0.05)


async def test_pinned_streams_are_no_part_of_the_curve(house: House, server: StartedServer) -> None:
    words = f"density {PEOPLE}:60% person-tracking/cpu:40% recorder/cpu:2 --floor 15"
    task, shown = await measured(house, server, words, density())
    assert [(each.stream_rate, each.streams) for each in task.shares] == [(60, None), (40, None), (None, 2)]
    assert "1 stream: the slowest at 30.0 FPS" in shown.stderr


async def test_a_performance_test(house: House, server: StartedServer) -> None:
    words = f"performance {PEOPLE}:3 person-tracking/cpu --duration 5 --warmup 1 --latency --streams-per-process 2 --name Night"
    task, shown = await measured(house, server, words, performance())
    assert isinstance(task, PerformanceTask)
    assert [each.streams for each in task.specs] == [3, 1]
    assert (task.duration_s, task.warmup_s, task.latency_metrics, task.name) == (5, 1, True, "Night")
    assert [each.streams_per_process for each in task.specs] == [2, 2]
    assert "/pipelines/people/variants/cpu x2: 58.0 FPS (57.0 to 59.0) in all" in shown.stdout
    assert "1 of 2 runs were disturbed, such as: other programs used 30 %" in shown.stdout
    assert "don't trust these figures" in shown.stdout


async def test_an_optimisation(house: House, server: StartedServer) -> None:
    words = f"optimize {PEOPLE}:2 --seconds 60 --try batch-size=1,8 --try streams-per-process=1,2 --try decoders=false --try scale-method=lanczos --tolerance 0.9"
    task, shown = await measured(house, server, words, optimize())
    assert isinstance(task, OptimizeTask)
    assert (task.streams, task.search.duration_s, task.tolerance) == (2, 60, 0.9)
    space = task.search.space
    assert (space.batch_size, space.streams_per_process, space.scale_method) == ([1, 8], [1, 2], ["lanczos"])
    assert (space.decoders, space.merge_converters) == (False, True)
    assert "30.0 FPS (29.0 to 31.0) became 39.0 FPS (38.0 to 40.0): +30.0% (+22.0% to +38.0%)" in shown.stdout
    assert "inference-interval=5  finds other objects" in shown.stdout


async def test_a_pipeline_that_is_not_valid_is_an_exit_code(house: House, server: StartedServer) -> None:
    words = f"validate {PEOPLE} --seconds 5 --frames 10 --expect person=3 --expect car"
    task, shown = await measured(house, server, words, validate())
    assert isinstance(task, ValidateTask)
    assert (task.max_runtime_s, task.expect.frames, task.expect.labels) == (5, 10, {"person": 3, "car": 1})
    assert shown.exit_code == JOB_FAILED
    assert "✗ link  could not link <a> & b" in shown.stdout
    assert "not valid: it fails at link" in shown.stdout
    valid = validate().model_copy(update={"valid": True, "failed_stage": None})
    assert (await measured(house, server, f"validate {PEOPLE}", valid))[1].exit_code == OK


SUITE = """
title: Gate
tests:
  - kind: performance
    name: people
    reference: 30
    specs:
      - pipeline: {source: variant, pipeline_id: person-detection, variant_id: cpu}
"""


async def test_a_suite(house: House, server: StartedServer, tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text(SUITE)
    task, shown = await measured(house, server, f"suite {tmp_path}/gate.yaml --label by=me", suite())
    assert isinstance(task, SuiteTask)
    assert (task.name, task.tests[0].name, task.labels) == ("Gate", "people", {"by": "me"})
    assert "entrance x2: 200 points; 60 FPS, 100 are 30" in shown.stdout
    assert "126.0 points (121.0 to 141.0)" in shown.stdout
    _, shown = await measured(house, server, f"suite {tmp_path}/gate.yaml --name Night", suite(fails=True))
    assert shown.exit_code == JOB_FAILED
    assert "till x1: pipeline-failed: no frame came" in shown.stdout
    assert "no score: there is no result of till" in shown.stdout
    shown = await told(server, "suites")
    assert "retail" in shown.stdout
    assert "person-tracking/cpu" in shown.stdout
    shown = await told(server, "suite", "opera")
    assert shown.exit_code == PROBLEM
    assert "/suite: there is no suite 'opera'; there are manufacturing" in " ".join(shown.stderr.split())


async def test_a_model_is_held_against_its_original(house: House, server: StartedServer) -> None:
    words = "validate --model person-ssdlite --precision INT8 --samples 20 --tolerance boxes=0.9 --input bikes"
    task, shown = await measured(house, server, words, validate_model())
    assert isinstance(task, ValidateTask)
    assert task.model is not None
    assert (task.model.precision, task.model.samples, task.model.media) == ("INT8", 20, ["bikes"])
    assert task.model.tolerance.boxes == 0.9
    assert shown.exit_code == JOB_FAILED
    assert "on 20 pictures of bikes: boxes both find 81.00%; numbers differ by 0.4 at most" in shown.stdout
    assert "not both" in (await told(server, "validate", PEOPLE, "--model", "asl")).stderr
    assert "takes a pipeline" in (await told(server, "validate")).stderr


async def test_specs_of_files_and_stdin(house: House, server: StartedServer, tmp_path: Path) -> None:
    spec = {"fps_floor": 9, "specs": [
        {"pipeline": {"source": "description", "pipeline_description": PLAIN}, "stream_rate": 100}
    ]}  # fmt: skip
    file = tmp_path / "night.json"
    file.write_text(json.dumps(spec))
    shown = await told(server, "density", str(file), "--floor", "12", "--no-wait")
    assert shown.exit_code == OK, shown.output
    task = house.claim(shown.stdout.strip()).job.spec
    assert isinstance(task, DensityTask)
    assert task.fps_floor == 12
    shown = await told(server, "density", "-", "--no-wait", "--json", given=json.dumps(spec))
    assert json.loads(shown.stdout)["kind"] == "density"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("performance person-detection", "as ID/VARIANT"),
        ("performance person-detection/cpu:50%", "a number of streams is wanted"),
        ("performance person-detection/cpu:many", "'many' isn't a whole number"),
        ("performance faces/cpu person-tracking/cpu --input bikes", "--input belongs to one pipeline"),
        ("density faces/cpu person-tracking/cpu --floor 9", "each needs its share"),
        ("density person-detection/cpu", "/fps_floor: is required"),
        ("density person-detection/cpu --floor 0", "/fps_floor: Input should be greater than 0"),
        ("density person-detection/cpu:50% --floor 9", "/specs: `stream_rate`s sum to 50"),
        ('density {"kind":"validate"}', "a spec of kind validate, not density"),
        ('density {"kind":"density"} --input bikes', "a spec says itself"),
        ("optimize person-detection/cpu --try batch", "--try takes NAME=VALUE"),
        ("optimize faces/cpu person-tracking/cpu", "takes one pipeline"),
        ("validate person-detection/cpu --expect car=x", "isn't a whole number"),
        ("show none", "benchmark-not-found"),
        ("compare a b", "benchmark-not-found"),
    ],
)
async def test_what_is_wrong_is_said(house: House, server: StartedServer, words: str, said: str) -> None:
    shown = await told(server, *words.split())
    assert shown.exit_code == PROBLEM
    assert said in " ".join(shown.stderr.split())
    assert house.kept == []


async def test_what_was_measured_is_listed_shown_compared_and_deleted(house: House, server: StartedServer) -> None:
    assert "nothing was measured" in (await told(server, "list")).stdout
    for name, rate in (("a", 30.0), ("b", 60.0)):
        result = performance().model_copy(update={"runs": [run([rate, rate], [rate])] * 3})
        made = benchmark(result).model_copy(update={"id": name, "score": rate * 3, "unit": "fps"})
        house.benchmarks.keep(made)
    listed = (await told(server, "list", "--kind", "performance", "--pipeline", "people")).stdout
    assert "180.0 FPS" in listed
    assert listed.index("180.0 FPS") < listed.index("90.0 FPS")
    assert len(json.loads((await told(server, "list", "--json", "--limit", "1")).stdout)) == 1
    shown = (await told(server, "show", "a")).stdout
    assert "cores: 2" in shown
    compared = await told(server, "compare", "b", "a")
    assert (compared.exit_code, compared.stdout.startswith("slower  -50.0%")) == (OK, True)
    assert (await told(server, "compare", "b", "a", "--fail-if-slower", "--json")).exit_code == JOB_FAILED
    assert (await told(server, "delete", "a")).exit_code == OK
    assert (await told(server, "show", "a")).exit_code == PROBLEM


async def test_the_sdk_does_the_same(house: House, server: StartedServer) -> None:
    made = [benchmark(density()).model_copy(update={"id": name}) for name in ("a", "b", "c")]
    for each in made:
        house.benchmarks.keep(each)
    url = f"http://{server.address}"
    async with AsyncFramelane(url) as client:
        assert [each.id async for each in client.benchmarks(kind="density", page=2)] == ["c", "b", "a"]
        assert await client.benchmark("a") == made[0]
        assert (await client.compare_benchmarks("a", "b", margin=0.2)).verdict == "same"
        await client.delete_benchmark("b")
        with pytest.raises(ApiProblem, match="no benchmark"):
            await client.benchmark("b")

    def blocking() -> None:
        with Framelane(url) as client:
            assert [each.id for each in client.benchmarks(hardware="PROCESSOR", page=1)] == ["c", "a"]
            assert client.benchmark("c") == made[2]
            assert client.compare_benchmarks("a", "c").verdict == "same"
            client.delete_benchmark("a")
            assert [each.id for each in client.benchmarks()] == ["c"]

    await asyncio.to_thread(blocking)


def test_the_curve_is_one_bar_for_each_number_with_a_mark_at_the_floor() -> None:
    curve = Curve(15.0)
    for streams, rate in ((6, 15.9), (1, 60.0), (9, 10.0), (6, 14.9), (6, 15.5)):
        curve.add(streams, rate)
    one, six, nine = (each.plain for each in curve.bars())
    assert (one[:5], one.endswith(" 60.0 FPS"), one.count("█")) == ("   1 ", True, 39)
    assert "15.5 FPS x3" in six
    assert {each.index("│") for each in (one, six, nine)} == {15}
    assert nine.count("█") == 7
    assert "green" in str(curve.bars()[1].spans)
    assert "red" in str(curve.bars()[2].spans)
    assert "PENDING" in text_of(curve.view())


def test_no_stream_at_all_and_a_search_that_was_cut_are_said() -> None:
    none = density().model_copy(update={"n_streams": 0, "at_most": 2, "ended": "budget", "trusted": False})
    lines = [each.plain.strip() for each in measured_lines(none)]
    assert "not even one stream keeps 15 FPS" in lines
    assert "up to 2 may; between the two it can't be told" in lines
    assert "the search ended because its budget was spent" in lines
    assert "too few runs were left alone: don't trust these figures" in lines


def test_everything_is_shown_as_it_is_whatever_stands_in_it() -> None:
    for made in (density(), performance(), optimize(), validate()):
        assert f"A {made.kind} <test>" in text_of(benchmark_view(benchmark(made)))
    odd = benchmark(density()).model_copy(update={"name": "[bold]x[/]"})
    assert "[bold]x[/]" in text_of(benchmark_view(odd))
