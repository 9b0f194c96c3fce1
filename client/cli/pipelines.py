"""Commands about pipelines."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.output import WrongUsage, err, out, print_json
from client.cli.render import pipeline_table, pipeline_view, show
from client.cli.specs import read_text
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway

PipelineId = Annotated[str, typer.Argument(help="The pipeline's id.", metavar="ID")]

pipelines = typer.Typer(
    name="pipelines", help="List, show, import and export pipelines.", invoke_without_command=True
)


@pipelines.callback()
def pipelines_alone(
    context: typer.Context, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """List, show, import and export pipelines; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_pipelines(url, data_dir, as_json)
    elif as_json or data_dir != DEFAULT:
        msg = f"options go behind `{context.invoked_subcommand}`"
        raise WrongUsage(msg)


@pipelines.command("list")
def list_pipelines(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List pipelines and their variants."""
    with gateway(url, data_dir) as client:
        found = client.pipelines()
    if as_json:
        print_json(found)
    else:
        show(out(), pipeline_table(found), "no pipelines")


@pipelines.command("show")
def show_pipeline(
    pipeline_id: PipelineId, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """Show a pipeline: what it is for, and the elements of each variant."""
    with gateway(url, data_dir) as client:
        found = client.pipeline(pipeline_id)
    if as_json:
        print_json(found)
    else:
        out().print(pipeline_view(found))


@pipelines.command("import")
def import_pipeline(
    file: Annotated[Path, typer.Argument(help="A YAML file, or - for stdin.")],
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Keep the pipeline of a YAML file; its id is printed. Paths in it become names, which is told."""
    text = read_text(file)
    with gateway(url, data_dir) as client:
        made = client.import_pipeline(text)
    for note in made.notes:
        err().print(note, markup=False, soft_wrap=True)
    if as_json:
        print_json(made)
    else:
        out().print(made.id)


@pipelines.command("export")
def export_pipeline(
    pipeline_id: PipelineId,
    target: Annotated[
        Path | None, typer.Option("--to", help="A file to write; default: stdout.", metavar="FILE")
    ] = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Write a pipeline as a YAML file that can be imported elsewhere."""
    with gateway(url, data_dir) as client:
        text = client.export_pipeline(pipeline_id)
    if target is None:
        typer.echo(text, nl=False)
        return
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        msg = f"--to {target}: {error.strerror}"
        raise WrongUsage(msg) from error
