"""Commands that measure pipelines, and look at what was measured."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli import bench_specs, specs
from client.cli.bench_render import benchmark_table, benchmark_view, comparison_view, suite_lines
from client.cli.curve import watch_curve
from client.cli.output import JOB_FAILED, OK, err, out, print_json
from client.cli.render import show
from client.cli.submitting import show_end
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.cli.watching import download_all, exit_code, watch_bar
from shared.jobs import Completed, Job
from shared.results import SuiteResult, ValidateResult

Pipelines = Annotated[
    list[str], typer.Argument(help="ID/VARIANT, or one spec: a file, - for stdin, or the JSON itself.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="A medium to read instead, of one pipeline; one for each of its sources."),
]
Named = Annotated[str | None, typer.Option(help="What lists call the result.")]
Warmup = Annotated[float | None, typer.Option(help="Seconds that are left out at the beginning of a run.")]
Duration = Annotated[float | None, typer.Option(help="Seconds that are measured of a run.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Undisturbed runs wanted.")]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0, help="Stop when the rate is known to this part of it, such as 0.05; --repeats are the most then."
    ),
]
Isolation = Annotated[str | None, typer.Option(help="What gets a process of its own: pipeline, stream.")]
PerProcess = Annotated[
    int | None, typer.Option(min=1, help="Streams of a pipeline that share a process, at most.")
]
Device = Annotated[str | None, typer.Option(help="AUTO, CPU, GPU, GPU.<number> or NPU.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="NAME=VALUE; may be repeated.")]
Wait = Annotated[bool, typer.Option(help="Stay until the job has ended, and show it.")]
Save = Annotated[Path | None, typer.Option(help="Download the report into this folder.", metavar="DIR")]
BenchmarkId = Annotated[str, typer.Argument(help="The benchmark's id: that of its job.", metavar="ID")]

bench = typer.Typer(name="bench", help="Measure pipelines, and compare what was measured.", no_args_is_help=True)


@bench.command()
def performance(
    pipelines: Pipelines,
    medium: Inputs = None,
    duration: Duration = None,
    warmup: Warmup = None,
    repeats: Repeats = None,
    precision: Precision = None,
    latency: Annotated[bool, typer.Option("--latency", help="Measure latencies too.")] = False,
    isolation: Isolation = None,
    streams_per_process: PerProcess = None,
    name: Named = None,
    device: Device = None,
    label: Labels = None,
    wait: Wait = True,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """How fast pipelines run side by side: ID/VARIANT:STREAMS of each, such as `person-detection/cpu:2`."""
    fields = _given(duration_s=duration, warmup_s=warmup, repeats=repeats, isolation=isolation, name=name)
    fields |= _given(precision=precision, streams_per_process=streams_per_process)
    fields |= {"latency_metrics": True} if latency else {}
    spec = bench_specs.performance(_asked("performance", pipelines, medium, device, label, fields))
    _run(spec, url, data_dir, save, wait=wait, as_json=as_json)


@bench.command()
def density(
    pipelines: Pipelines,
    floor: Annotated[float | None, typer.Option(help="FPS that the slowest stream has to keep.")] = None,
    medium: Inputs = None,
    max_streams: Annotated[int | None, typer.Option(min=1, help="More aren't tried.")] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds that the search may take.")] = None,
    duration: Duration = None,
    warmup: Warmup = None,
    repeats: Repeats = None,
    isolation: Isolation = None,
    streams_per_process: PerProcess = None,
    name: Named = None,
    device: Device = None,
    label: Labels = None,
    wait: Wait = True,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """How many streams keep a floor; the curve is shown as it grows.

    Of several pipelines each has its share, as `ID/VARIANT:70%`, or a number of streams that stays, as
    `ID/VARIANT:2`.
    """
    fields = _given(fps_floor=floor, max_streams=max_streams, budget_s=budget, duration_s=duration)
    fields |= _given(warmup_s=warmup, repeats=repeats, isolation=isolation, name=name)
    fields |= _given(streams_per_process=streams_per_process)
    spec = bench_specs.density(_asked("density", pipelines, medium, device, label, fields))
    _run(spec, url, data_dir, save, wait=wait, as_json=as_json)


@bench.command()
def optimize(
    pipelines: Pipelines,
    tried: Annotated[
        list[str] | None,
        typer.Option(
            "--try", help="NAME=VALUE,VALUE, such as batch_size=1,4, or decoders=false; may be repeated."
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="How long is searched.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Least agreement (F1) of its objects with the original's.")
    ] = None,
    save_as: Annotated[str | None, typer.Option(help="Id of the variant that the best form becomes.")] = None,
    medium: Inputs = None,
    repeats: Repeats = None,
    warmup: Warmup = None,
    name: Named = None,
    device: Device = None,
    label: Labels = None,
    wait: Wait = True,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Search the fastest form of a pipeline that finds the same objects."""
    search = _given(duration_s=seconds, space=bench_specs.space(tried or ()) or None)
    fields = _given(search=search or None, tolerance=tolerance, save_as=save_as, repeats=repeats)
    fields |= _given(warmup_s=warmup, name=name)
    spec = bench_specs.single(_asked("optimize", pipelines, medium, device, label, fields))
    _run(spec, url, data_dir, save, wait=wait, as_json=as_json)


@bench.command()
def validate(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="ID/VARIANT, or one spec: a file, - for stdin, or the JSON itself.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model, in place of a pipeline.", metavar="NAME")] = None,
    precision: Annotated[str | None, typer.Option(help="Of the model's variant: FP32, FP16, INT8.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Of the model: openvino, torch.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Inputs that the model sees at most.")] = None,
    tolerances: Annotated[
        list[str] | None, typer.Option("--tolerance", help="top1, boxes, similarity or max_abs=VALUE.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="How long it runs at most.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames that every stream has to give.")] = None,
    expected: Annotated[
        list[str] | None, typer.Option("--expect", help="LABEL or LABEL=N: found so often at least.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="A pipeline job whose records are the truth.", metavar="JOB")
    ] = None,
    agreement: Annotated[float | None, typer.Option(help="Least agreement (F1) with the reference.")] = None,
    medium: Inputs = None,
    name: Named = None,
    device: Device = None,
    label: Labels = None,
    wait: Wait = True,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Tell whether a pipeline parses, is allowed, runs and finds what it should; exit code 1 if it doesn't.

    Or, with --model, whether a variant of a model answers as the original does.
    """
    if model is not None:
        fields = _given(precision=precision, runtime=runtime, samples=samples, media=medium)
        fields |= {"tolerance": bench_specs.tolerance(tolerances)} if tolerances else {}
        asked = _asked("validate", pipelines or [], None, device, label, _given(name=name))
        _run(
            bench_specs.compared(asked, {"name": model, **fields}), url, data_dir, save, wait=wait, as_json=as_json
        )
    expect = _given(frames=frames, labels=bench_specs.counts(expected or ()) or None)
    expect |= _given(reference_job=reference, agreement=agreement)
    fields = _given(max_runtime_s=seconds, expect=expect or None, name=name)
    spec = bench_specs.single(_asked("validate", pipelines or [], medium, device, label, fields))
    _run(spec, url, data_dir, save, wait=wait, as_json=as_json)


@bench.command()
def suite(
    suite: Annotated[
        str, typer.Argument(help="One that ships, or a spec: a file, - for stdin, or the JSON itself.")
    ],
    name: Named = None,
    device: Device = None,
    label: Labels = None,
    wait: Wait = True,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Measure several tests, and make one score of them; `bench suites` lists those that ship.

    Exit code 1 if a test failed: then there is no score.
    """
    spec = bench_specs.suite(suite, specs.Common(device=device, labels=label or ()), name)
    _run(spec, url, data_dir, save, wait=wait, as_json=as_json)


@bench.command()
def suites(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the suites that ship, and what they are made of."""
    with gateway(url, data_dir) as client:
        found = client.suites()
    if as_json:
        print_json(found)
    else:
        for each in found:
            out().print(*suite_lines(each), sep="\n", soft_wrap=True)


@bench.command("list")
def list_benchmarks(
    kind: Annotated[str | None, typer.Option(help="performance, density, optimize, validate or suite.")] = None,
    device: Annotated[str | None, typer.Option()] = None,
    hardware: Annotated[str | None, typer.Option(help="Part of its name.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Its id, or /pipelines/ID/variants/VARIANT.")] = None,
    model: Annotated[str | None, typer.Option(help="A model that took part.")] = None,
    parent: Annotated[str | None, typer.Option(help="A suite's result: its tests.", metavar="ID")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List what was measured, the latest first."""
    with gateway(url, data_dir) as client:
        kept = client.benchmarks(
            kind=kind, device=device, hardware=hardware, pipeline=pipeline, model=model, parent=parent
        )
        found = list(islice(kept, limit))
    if as_json:
        print_json(found)
    else:
        show(out(), benchmark_table(found), "nothing was measured")


@bench.command("show")
def show_benchmark(
    benchmark_id: BenchmarkId, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """Show a result, and what it was measured on."""
    with gateway(url, data_dir) as client:
        found = client.benchmark(benchmark_id)
    if as_json:
        print_json(found)
    else:
        out().print(benchmark_view(found), soft_wrap=True)


@bench.command()
def compare(
    a: Annotated[str, typer.Argument(help="A benchmark's id.")],
    b: Annotated[str, typer.Argument(help="Another's, which is judged.")],
    margin: Annotated[
        float | None, typer.Option(help="Smaller differences are of no matter; default: 0.1.")
    ] = None,
    fail_if_slower: Annotated[
        bool, typer.Option("--fail-if-slower", help="Exit code 1 if b is slower than a.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Whether b is faster than a, slower or the same, and what else differs between them."""
    with gateway(url, data_dir) as client:
        found = client.compare_benchmarks(a, b, margin)
    if as_json:
        print_json(found)
    else:
        out().print(comparison_view(found), soft_wrap=True)
    raise typer.Exit(JOB_FAILED if fail_if_slower and found.verdict == "slower" else OK)


@bench.command("delete")
def delete_benchmark(benchmark_id: BenchmarkId, url: Url = None, data_dir: DataDir = DEFAULT) -> None:
    """Forget a result; its job stays."""
    with gateway(url, data_dir) as client:
        client.delete_benchmark(benchmark_id)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _asked(
    kind: str,
    pipelines: list[str],
    inputs: list[str] | None,
    device: str | None,
    labels: list[str] | None,
    fields: dict[str, Any],
) -> bench_specs.Asked:
    common = specs.Common(device=device, labels=labels or ())
    return bench_specs.Asked(kind, pipelines, inputs or (), common, fields)


def _run(
    spec: dict[str, Any], url: str | None, data_dir: Path, save: Path | None, *, wait: bool, as_json: bool
) -> None:
    folder = specs.folder(save) if save else None
    with gateway(url, data_dir) as client:
        job = client.submit(spec)
        if not wait and folder is None:
            _tell(job, as_json=as_json)
            raise typer.Exit(OK)
        if as_json:
            job = client.wait(job.id)
        else:
            # The gateway has taken the spec, so it is one.
            curve = spec["kind"] == "density"
            job = watch_curve(client, job.id, spec, err()) if curve else watch_bar(client, job.id, err())
        saved = download_all(client, job, folder) if folder else {}
        if as_json:
            print_json(job)
        else:
            show_end(client, job, saved)
    raise typer.Exit(_verdict(job))


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        out().print(job.id)


def _verdict(job: Job) -> int:
    match job.outcome:
        case Completed(result=ValidateResult(valid=False) | SuiteResult(score=None)):
            return JOB_FAILED
        case _:
            return exit_code(job)
