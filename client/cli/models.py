"""Commands about models."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli.output import WrongUsage, err, out, print_json
from client.cli.render import model_table, show
from client.cli.specs import read_text
from client.cli.submitting import show_end
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.cli.watching import exit_code, watch_bar
from client.sdk import Framelane

models = typer.Typer(name="models", help="List, upload, convert and delete models.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="Of the model.")]
Wait = Annotated[bool, typer.Option(help="Until the job has ended.")]


@models.callback()
def models_alone(
    context: typer.Context, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """List, upload, convert and delete models; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_models(url, data_dir, as_json)
    elif as_json or data_dir != DEFAULT:
        msg = f"options go behind `{context.invoked_subcommand}`"
        raise WrongUsage(msg)


@models.command("list")
def list_models(url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the catalogue, what of it is installed, and other installed models."""
    with gateway(url, data_dir) as client:
        found = client.models()
    if as_json:
        print_json(found)
    else:
        show(out(), model_table(found), "the catalogue is empty")


@models.command("upload")
def upload_model(
    files: Annotated[
        list[Path],
        typer.Argument(help="xml and bin, or one onnx, tflite, pb, safetensors or zip.", dir_okay=False),
    ],
    name: Annotated[str, typer.Option(help="Of the model; an installed one gets a newer version.")],
    category: Annotated[str, typer.Option(help="What it is for: detection, classification, pose, …")],
    labels: Annotated[Path | None, typer.Option(help="A file with one a line.", dir_okay=False)] = None,
    model_proc: Annotated[
        Path | None, typer.Option(help="JSON: how input is prepared and output read.", dir_okay=False)
    ] = None,
    architecture: Annotated[str, typer.Option(help="network; of weights: alphabet_mlp, word_lstm.")] = "network",
    licence: Annotated[str, typer.Option(help="Noted with it.")] = "unknown",
    wait: Wait = True,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send the files of a model, and install it once a worker has looked into them."""
    told: dict[str, Any] = {"name": name, "category": category, "architecture": architecture, "licence": licence}
    if labels is not None:
        told["labels"] = [line.strip() for line in read_text(labels).splitlines() if line.strip()]
    if model_proc is not None:
        told["model_proc"] = _document(model_proc)
    with gateway(url, data_dir) as client:
        uploads = [client.upload(file) for file in files]
        told["files"] = [{"upload": each.id, "sha256": each.sha256} for each in uploads]
        code = _submitted(client, {"kind": "model_upload", "model": told}, wait=wait, as_json=as_json)
    raise typer.Exit(code)


@models.command("convert")
def convert_model(
    name: Name,
    precision: Annotated[list[str], typer.Option(help="FP32, FP16 or INT8; may be repeated.")],
    media: Annotated[
        list[str] | None, typer.Option(help="Of the library, to calibrate with and compare on; may be repeated.")
    ] = None,
    wait: Wait = True,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make OpenVINO variants of an installed model, and tell how far each is off."""
    spec: dict[str, Any] = {"kind": "model_convert", "model": name, "precisions": precision}
    if media:
        spec["calibration"] = {"media": media}
    with gateway(url, data_dir) as client:
        code = _submitted(client, spec, wait=wait, as_json=as_json)
    raise typer.Exit(code)


@models.command("delete")
def delete_model(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even while pipelines or jobs use it.")] = False,
    wait: Wait = True,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Remove an installed model with its versions and variants."""
    spec = {"kind": "model_delete", "models": [name], "force": force}
    with gateway(url, data_dir) as client:
        code = _submitted(client, spec, wait=wait, as_json=as_json)
    raise typer.Exit(code)


def _submitted(client: Framelane, spec: dict[str, Any], *, wait: bool, as_json: bool) -> int:
    job = client.submit(spec)
    if wait:
        job = client.wait(job.id) if as_json else watch_bar(client, job.id, err())
    if as_json:
        print_json(job)
    elif wait:
        show_end(client, job, {})
    else:
        out().print(job.id)
    return exit_code(job)


def _document(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        msg = f"{path}: not JSON: {error}"
        raise WrongUsage(msg) from None
