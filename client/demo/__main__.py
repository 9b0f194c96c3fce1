"""The demonstration as a command. Exit code 0: it worked; 1: it didn't, and says why; 130: interrupted."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from client.demo.story import tell
from client.local.runfile import DEFAULT_DATA_DIR
from client.sdk import ClientError
from shared.errors import FramelaneError


def main(
    photo: Annotated[
        Path | None, typer.Argument(help="A photo of a hand; default: one out of an npm package.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where models, jobs and artifacts stay.")] = DEFAULT_DATA_DIR,
) -> None:
    """Start the whole system, install the gesture models, and let a photo and its landmarks become a letter."""
    console = Console(highlight=False)
    try:
        tell(console, data_dir, photo)
    except (ClientError, FramelaneError) as error:
        console.print(f"\n[bold red]The demo failed:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\ninterrupted; everything is stopped")
        sys.exit(130)


if __name__ == "__main__":
    typer.run(main)
