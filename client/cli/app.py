"""The commands that talk to a gateway, and the one that is all of it."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from client.cli import specs
from client.cli.audit import audit
from client.cli.backup import backup, restore
from client.cli.bench import bench
from client.cli.dead import dead, requeue
from client.cli.keys import keys
from client.cli.levels import log_level
from client.cli.media import media
from client.cli.models import models
from client.cli.output import EXIT_CODES, INTERRUPTED, PROBLEM, complain, err, out, print_json
from client.cli.pipelines import pipelines
from client.cli.render import device_table, job_table, show
from client.cli.session import session
from client.cli.submitting import show_end, submit
from client.cli.target import DEFAULT, AsJson, DataDir, JobId, Url, gateway, take_key_file
from client.cli.up import up
from client.cli.watching import exit_code, watch_bar, watch_lines
from client.sdk import ClientError
from shared.errors import FramelaneError


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
app.command()(submit)
app.command()(session)
app.command()(dead)
app.command()(requeue)
app.command()(audit)
app.command()(log_level)
app.command()(backup)
app.command()(restore)
app.add_typer(pipelines)
app.add_typer(media)
app.add_typer(bench)
app.add_typer(models)
app.add_typer(keys)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"framelane {version('framelane')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="FRAMELANE_API_KEY_FILE", help="Holds the key to show; default: that of FRAMELANE_API_KEY."
        ),
    ] = None,
) -> None:
    """What stands before a command."""
    take_key_file(key_file)


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
            show_end(client, job, {})
    raise typer.Exit(exit_code(job))


@app.command()
def get(job_id: JobId, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show a job as it is."""
    with gateway(url, data_dir) as client:
        job = client.get(job_id)
        if as_json:
            print_json(job)
        else:
            show_end(client, job, {})


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


def main() -> None:
    """The ``framelane`` command."""
    app()
