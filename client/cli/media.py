"""Commands about the library of media."""

from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from client.cli.media_render import media_table
from client.cli.output import WrongUsage, err, out, print_json
from client.cli.render import show
from client.cli.submitting import show_end
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.cli.watching import exit_code, watch_bar
from client.sdk import Framelane
from client.sdk.answers import UploadView
from client.sdk.media_calls import Family
from shared.jobs import Job

FAMILIES: tuple[Family, Family] = ("videos", "images")

media = typer.Typer(
    name="media", help="List, upload and delete videos, photos and image sets.", invoke_without_command=True
)


@media.callback()
def media_alone(
    context: typer.Context, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """List, upload and delete videos, photos and image sets; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_media(url, data_dir, as_json)
    elif as_json or data_dir != DEFAULT:
        msg = f"options go behind `{context.invoked_subcommand}`"
        raise WrongUsage(msg)


@media.command("list")
def list_media(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List what is in the library, and what can be added from the catalogue by `submit media NAME`."""
    with gateway(url, data_dir) as client:
        found = list(chain.from_iterable(map(client.media, FAMILIES)))
    if as_json:
        print_json(found)
    else:
        show(out(), media_table(found), "no media")


@media.command("upload")
def upload_media(
    file: Annotated[Path, typer.Argument(help="A video, a photo, or a zip or tar of images.", dir_okay=False)],
    name: Annotated[
        str | None, typer.Option(help="In the library; default: the file's, without its ending.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Noted with it.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="A medium of this name gives way.")] = False,
    resume: Annotated[
        str | None, typer.Option(help="Go on with an upload of this file that broke off.", metavar="ID")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Until the file was looked into and added.")] = True,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send a file to the library. Broken lines are waited for; what was interrupted goes on with --resume."""
    with gateway(url, data_dir) as client:
        job = _sent(client, file, name, licence, resume, replace=replace, quiet=as_json)
        if wait:
            job = client.wait(job.id) if as_json else watch_bar(client, job.id, err())
        if as_json:
            print_json(job)
        elif wait:
            show_end(client, job, {})
        else:
            out().print(job.id)
    raise typer.Exit(exit_code(job))


@media.command("delete")
def delete_media(
    name: Annotated[str, typer.Argument(help="Its name in the library.")],
    force: Annotated[bool, typer.Option("--force", help="Even while pipelines or jobs use it.")] = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Remove a medium from the library."""
    with gateway(url, data_dir) as client:
        client.delete_medium(_family(client, name), name, force=force)


def _family(client: Framelane, name: str) -> Family:
    for family in FAMILIES:
        if any(each.name == name and each.installed for each in client.media(family)):
            return family
    msg = f"{name} isn't in the library; `framelane media` lists what is"
    raise WrongUsage(msg)


def _sent(
    client: Framelane,
    file: Path,
    name: str | None,
    licence: str,
    resume: str | None,
    *,
    replace: bool,
    quiet: bool,
) -> Job:
    columns = (TextColumn("{task.description}"), BarColumn(32), DownloadColumn(), TransferSpeedColumn())
    told: list[str] = []
    with nullcontext() if quiet else Progress(*columns, console=err(), transient=True) as bar:
        task = bar.add_task(file.name) if bar else None

        def progress(upload: UploadView, offset: int) -> None:
            told[:] = [upload.id]
            if bar and task is not None:
                bar.update(task, completed=offset, total=upload.length)

        try:
            return client.upload_medium(
                file, name=name, licence=licence, replace=replace, resume=resume, progress=progress
            )
        except BaseException:
            if told:
                err().print(f"go on with --resume {told[0]}", markup=False)
            raise
