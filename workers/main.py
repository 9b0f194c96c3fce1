"""A worker: ``framelane-worker --device CPU --class fast``. A small warden, and its child that does the work."""

import sys
from collections.abc import Sequence

from workers.warden import Warden, python

CHILD = "workers.child"


def main(arguments: Sequence[str] | None = None) -> int:
    """Keep a worker process alive until told to stop. Exit status 78 (EX_CONFIG) if it can't start as asked."""
    return Warden(python(CHILD, *(sys.argv[1:] if arguments is None else arguments))).run()


def console() -> None:
    """The command ``framelane-worker``."""
    sys.exit(main())


if __name__ == "__main__":
    sys.exit(main())
