"""What goes where: answers on stdout, everything said about them on stderr; and what exit codes mean."""

import json
from collections.abc import Iterable
from typing import Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from client.sdk import ClientError

OK = 0
JOB_FAILED = 1
PROBLEM = 2
INTERRUPTED = 130

_WIDE = 240

EXIT_CODES = (
    "Exit codes: 0 done, 1 the job failed or was cancelled, 2 wrong usage, a problem the gateway reports, "
    "or no gateway."
)


class WrongUsage(ClientError):
    """The command line doesn't say what it should."""


def out() -> Console:
    """For answers. Made at each use: the stdout of the moment; what isn't a terminal is as wide as needed."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def err() -> Console:
    """For what is said beside answers."""
    return Console(stderr=True, highlight=False)


def print_json(value: BaseModel | Iterable[BaseModel] | dict[str, Any]) -> None:
    """One JSON document on one line."""
    if isinstance(value, BaseModel):
        text = value.model_dump_json()
    elif isinstance(value, dict):
        text = json.dumps(value)
    else:
        text = f"[{','.join(each.model_dump_json() for each in value)}]"
    typer.echo(text)


def complain(text: str) -> None:
    """One sentence about what went wrong, on stderr."""
    err().print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)
