"""Flower as a process of its own: ``python -m client.local.flower_app``, then Flower's options.

It watches with the application of gateways and workers: where the broker keeps what follows from our settings,
and an application without them sees an empty broker. The ``celery`` command isn't used because its ``-A`` looks
for our packages where the user stands before it looks where they are installed.

It doesn't start without a login: by itself Flower asks nobody who he is.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence

from shared.adapters.celery_queue import make_celery
from shared.settings import Settings

_LOGIN = re.compile(r"[^:\s]+:\S{12,}")
_COLUMNS = "--tasks_columns=name,uuid,kwargs,state,received,started,runtime,worker"
"""The task's name has the kind, its id is the job's, and what a job is about stands for keyword arguments."""

_REFUSAL = (
    "Flower doesn't start without a login: set FLOWER_BASIC_AUTH to name:password, the password of 12 characters "
    "or more; --unauthenticated_api and FLOWER_UNAUTHENTICATED_API aren't taken"
)


def refusal(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Why it doesn't start; None if it may. A login stands in the environment, never on a command line."""
    logins = environ.get("FLOWER_BASIC_AUTH", "").split(",")
    given = {argument.lstrip("-").replace("-", "_").partition("=")[0] for argument in arguments}
    opened = given & {"unauthenticated_api", "basic_auth", "conf"} or environ.get("FLOWER_UNAUTHENTICATED_API")
    return None if all(map(_LOGIN.fullmatch, logins)) and not opened else _REFUSAL


def main(arguments: Sequence[str]) -> None:
    """Serve until a signal."""
    if refused := refusal(arguments, os.environ):
        sys.exit(refused)
    columns = [] if any("tasks" in each and "columns" in each for each in arguments) else [_COLUMNS]
    make_celery(Settings()).start(["flower", *columns, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
