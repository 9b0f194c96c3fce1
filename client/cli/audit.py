"""The command that tells who changed what."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from client.cli.output import out, print_json
from client.cli.render import show
from client.cli.tables import plain_table
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway


def audit(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List calls that changed something, or were refused it, newest first."""
    with gateway(url, data_dir) as client:
        found = list(islice(client.audit(), limit))
    if as_json:
        print_json(found)
        return
    table = plain_table("when", "who", "from", "what", "outcome")
    for each in found:
        when = datetime.fromtimestamp(each.at_ms / 1000, UTC).isoformat(" ", "seconds")
        table.add_row(when, each.who or "-", each.address, each.target, f"{each.status} {each.outcome}")
    show(out(), table, "nothing was changed")
