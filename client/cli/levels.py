"""The command that tells, and sets, how much gateways and workers log."""

from typing import Annotated

import typer

from client.cli.output import WrongUsage, out, print_json
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from shared.log_levels import LogLevels, NewLogLevels
from shared.observing_settings import LogLevel

_OWN = "as set at the start"


def log_level(
    gateways: Annotated[LogLevel | None, typer.Option(help="Of all gateways.")] = None,
    workers: Annotated[LogLevel | None, typer.Option(help="Of all workers.")] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", min=1, help="Seconds; default: until they are set again.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="All log again as they were started.")] = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Set how much gateways and workers log, without starting them anew; without a level: tell it.

    What isn't named logs again as it was started. Processes follow within seconds.
    """
    named = gateways is not None or workers is not None
    if (for_s is not None and not named) or (reset and named):
        raise WrongUsage("name --gateways, --workers or both, with --for if you like; or --reset alone")
    with gateway(url, data_dir) as client:
        if named or reset:
            levels = client.set_log_levels(NewLogLevels(gateways=gateways, workers=workers, for_s=for_s))
        else:
            levels = client.log_levels()
    if as_json:
        print_json(levels)
    else:
        _show(levels)


def _show(levels: LogLevels) -> None:
    for who, level in (("gateways", levels.gateways), ("workers", levels.workers)):
        out().print(f"{who:<8}  {level or _OWN}", highlight=False)
    if levels.until is not None:
        out().print(f"until     {levels.until.isoformat(' ', 'seconds')}", highlight=False)
