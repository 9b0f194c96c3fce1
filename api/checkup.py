"""Whether a server of this container answers: ``python -m api.checkup [URL]``, for probes. Exit status 0 or 1."""

import sys
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

READY = "http://127.0.0.1:8000/health/ready"
ANSWER_S = 4.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what is wrong, if anything. By default it asks the gateway whether it is ready."""
    url = next(iter(sys.argv[1:] if arguments is None else arguments), READY)
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=ANSWER_S):
            wrong = None
    except (URLError, OSError) as error:
        wrong = str(error)
    sys.stdout.write(f"{wrong or 'ok'}\n")
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
