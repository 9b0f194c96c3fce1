"""The commands that talk to a gateway, and the one that is all of it."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from client.cli import specs
from client.cli.dead import dead, requeue
from client.cli.output import EXIT_CODES, INTERRUPTED, PROBLEM, WrongUsage, complain, err, out, print_json
from client.cli.pipelines import pipelines
from client.cli.render import device_table, ended, job_table, model_table, show
from client.cli.target import DEFAULT, AsJson, DataDir, JobId, Url, gateway
from client.cli.up import up
from client.cli.watching import download_all, exit_code, watch_bar, watch_lines
from client.sdk import ClientError, Framelane
from shared.errors import FramelaneError
from shared.jobs import Job


class _Commands(TyperGroup):
    """Says expected errors in a sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (ClientError, FramelaneError) as error:
            complain(str(error))
            raise typer.Exit(PROBLEM) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=_Commands,
    name="framelane",
    help=f"Vision work on the right device, from anywhere.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(up)
app.command()(dead)
app.command()(requeue)
app.add_typer(pipelines)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"framelane {version('framelane')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    """What stands before a command."""


@app.command()
def submit(
    what: Annotated[
        str,
        typer.Argument(
            help="`inference`, `download`, `pipeline`, or a spec: a file, - for stdin, or the JSON itself.",
            metavar="WHAT",
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="For `download`: models of the catalogue; for `pipeline`: its id.", metavar="[NAME]..."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="For `inference`.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="For `inference`: a photo; may be repeated.")] = None,
    landmarks: Annotated[
        list[Path] | None, typer.Option(help="For `inference`: a JSON file of 21 points; may be repeated.")
    ] = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="For `inference`: keep a drawing of the result.")
    ] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="For `inference`: flip left and right first.")] = False,
    top_k: Annotated[int | None, typer.Option(help="For `inference`: how many labels to answer.")] = None,
    variant: Annotated[str | None, typer.Option(help="For `pipeline`: which of its variants.")] = None,
    medium: Annotated[
        list[str] | None,
        typer.Option("--input", help="For `pipeline`: a medium to read instead; one for each of its sources."),
    ] = None,
    streams: Annotated[int | None, typer.Option(min=1, help="For `pipeline`: copies that run at once.")] = None,
    output: Annotated[
        str | None, typer.Option(help="For `pipeline`: what becomes of its frames: disabled, file, live_stream.")
    ] = None,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="For `pipeline`: keep records of each frame.")
    ] = False,
    latency: Annotated[bool, typer.Option("--latency", help="For `pipeline`: measure latencies.")] = False,
    runtime: Annotated[
        float | None, typer.Option(help="For `pipeline`: repeat files until so many seconds are over.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="For `download`: fetch again what is installed.")] = False,
    file: Annotated[list[str] | None, typer.Option(help="For a spec: NAME=PATH of a file it names.")] = None,
    device: Annotated[str | None, typer.Option(help="AUTO, CPU, GPU, GPU.<number> or NPU.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="0 lowest, 9 highest.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Longest an attempt may run, in seconds.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key and spec again is the same job.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the job has ended.")] = False,
    save: Annotated[
        Path | None, typer.Option(help="Wait, then download what the job left into this folder.", metavar="DIR")
    ] = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Submit a job: `inference --model asl --image hand.jpg`, `download asl vgt`, `pipeline ID --variant cpu`,
    or a spec such as `job.json`.
    """  # noqa: D205  one sentence
    common = specs.Common(device, priority, timeout, label or ())
    options = {"annotate": annotate or None, "mirror": mirror or None, "top_k": top_k}
    asked = specs.Inference(
        model, image or (), landmarks or (), {name: value for name, value in options.items() if value is not None}
    )
    fields = {
        "streams": streams,
        "output_mode": output,
        "metadata_mode": "file" if metadata else None,
        "latency_metrics": latency or None,
        "max_runtime_s": runtime,
    }
    pipeline = specs.Pipeline(
        variant, medium or (), {name: value for name, value in fields.items() if value is not None}
    )
    request = _request(what, names or [], (asked, pipeline), file or [], common, force=force)
    folder = specs.folder(save) if save else None
    with gateway(url, data_dir) as client:
        job = client.submit(request.spec, files=request.files or None, idempotency_key=idempotency_key)
        if wait or folder:
            job = client.wait(job.id) if as_json else watch_bar(client, job.id, err())
        saved = download_all(client, job, folder) if folder else {}
        if as_json:
            print_json(job)
            for path in saved.values():
                err().print(str(path), markup=False, soft_wrap=True)
        elif wait or folder:
            _show_end(client, job, saved)
        else:
            out().print(job.id)
    raise typer.Exit(exit_code(job))


def _show_end(client: Framelane, job: Job, saved: Mapping[str, Path]) -> None:
    out().print(ended(job, lambda name: saved.get(name) or client.artifact_url(job.id, name)), soft_wrap=True)


def _request(
    what: str,
    names: list[str],
    asked: tuple[specs.Inference, specs.Pipeline],
    files: list[str],
    common: specs.Common,
    *,
    force: bool,
) -> specs.Request:
    inference, pipeline = asked
    if names and what not in {"download", "pipeline"}:
        msg = f"{' '.join(names)}: only `submit download` and `submit pipeline` take names after it"
        raise WrongUsage(msg)
    if inference.given and what != "inference":
        msg = "--model, --image, --landmarks, --annotate, --mirror and --top-k belong to `submit inference`"
        raise WrongUsage(msg)
    if pipeline.given and what != "pipeline":
        msg = (
            "--variant, --input, --streams, --output, --metadata, --latency and --runtime belong to "
            "`submit pipeline`"
        )
        raise WrongUsage(msg)
    if what == "inference":
        return specs.inference(inference, common)
    if what == "pipeline":
        return specs.pipeline(names, pipeline, common)
    if what == "download":
        return specs.download(names, common, force=force)
    return specs.written(what, files, common)


@app.command()
def watch(
    job_id: JobId,
    after_seq: Annotated[int | None, typer.Option(help="With --json: begin after this event.")] = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Follow a job live until it has ended; with --json a line per event."""
    with gateway(url, data_dir) as client:
        job = watch_lines(client, job_id, after_seq) if as_json else watch_bar(client, job_id, err())
        if not as_json:
            _show_end(client, job, {})
    raise typer.Exit(exit_code(job))


@app.command()
def get(job_id: JobId, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show a job as it is."""
    with gateway(url, data_dir) as client:
        job = client.get(job_id)
        if as_json:
            print_json(job)
        else:
            _show_end(client, job, {})


@app.command()
def cancel(job_id: JobId, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Ask for a job's end: at once while it is queued, within seconds while it runs."""
    with gateway(url, data_dir) as client:
        job = client.cancel(job_id)
    if as_json:
        print_json(job)
    else:
        out().print(f"{job.id} {job.state.value}" + ("" if job.terminal else ", asked to stop"))


@app.command()
def jobs(
    kind: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option(help="PENDING, RUNNING, COMPLETED, FAILED or CANCELLED.")] = None,
    device: Annotated[str | None, typer.Option()] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    from itertools import islice

    labels = dict(specs.split_pair(each, "--label") for each in label or ())
    with gateway(url, data_dir) as client:
        found = list(islice(client.jobs(kind=kind, state=state, device=device, labels=labels), limit))
    if as_json:
        print_json(found)
    else:
        show(out(), job_table(found), "no jobs")


@app.command()
def devices(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the devices of live workers."""
    with gateway(url, data_dir) as client:
        found = client.devices()
    if as_json:
        print_json(found)
    else:
        show(out(), device_table(found), "no worker is alive")


@app.command()
def models(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the catalogue and what of it is installed."""
    with gateway(url, data_dir) as client:
        found = client.models()
    if as_json:
        print_json(found)
    else:
        show(out(), model_table(found), "the catalogue is empty")


def main() -> None:
    """The ``framelane`` command."""
    app()
