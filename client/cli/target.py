"""Which gateway a command talks to."""

from pathlib import Path
from typing import Annotated

import typer

from client.local.runfile import DEFAULT_DATA_DIR, RunFile
from client.sdk import ClientError, Framelane

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="FRAMELANE_URL", help="Root of the gateway; default: the one `up` runs here."),
]
DataDir = Annotated[Path, typer.Option("--data-dir", help="Where `framelane up` keeps everything.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else there.")]
JobId = Annotated[str, typer.Argument(help="The job's id.")]


class NoGateway(ClientError):
    """Nobody said where the gateway is."""


def gateway(url: str | None, data_dir: Path) -> Framelane:
    """The gateway that was named, else the one whose run file lies in ``data_dir``. Raises NoGateway."""
    if url is None:
        running = RunFile.read(data_dir)
        if running is None:
            msg = f"nothing runs on {data_dir}; start it with `framelane up`, or name a gateway with --url"
            raise NoGateway(msg)
        url = running.url
    return Framelane(url)


DEFAULT = DEFAULT_DATA_DIR
