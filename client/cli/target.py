"""Which gateway a command talks to."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.output import WrongUsage
from client.local.runfile import DEFAULT_DATA_DIR, RunFile, own_key
from client.sdk import ClientError, Framelane
from client.sdk.credentials import read_key

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="FRAMELANE_URL", help="Root of the gateway; default: the one `up` runs here."),
]
DataDir = Annotated[Path, typer.Option("--data-dir", help="Where `framelane up` keeps everything.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else there.")]
JobId = Annotated[str, typer.Argument(help="The job's id.")]


class _KeyFile:
    """The file that was named before the command, if one was."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def read(self) -> str | None:
        """The key in it; None: the environment's. Raises WrongUsage."""
        if self.path is None:
            return None
        try:
            return read_key(self.path)
        except OSError as error:
            raise WrongUsage(f"--key-file {self.path}: {error.strerror}") from error


_KEY_FILE = _KeyFile()


def take_key_file(path: Path | None) -> None:
    """The key of all commands is there."""
    _KEY_FILE.path = path


class NoGateway(ClientError):
    """Nobody said where the gateway is."""


def gateway(url: str | None, data_dir: Path) -> Framelane:
    """The gateway that was named, else the one whose run file lies in ``data_dir``. Raises NoGateway."""
    if url is not None:
        return Framelane(url, key=_KEY_FILE.read())
    running = RunFile.read(data_dir)
    if running is None:
        msg = f"nothing runs on {data_dir}; start it with `framelane up`, or name a gateway with --url"
        raise NoGateway(msg)
    return Framelane(running.url, key=_KEY_FILE.read() or own_key(data_dir))


DEFAULT = DEFAULT_DATA_DIR
