"""``python -m benchmarks.peers``: us and others, one request, one load generator, in interleaved rounds.

Each round starts every server anew, alone on the machine, asks until it answers, compares its answers with plain
PyTorch's, and only then times it. A peer that can't be installed, doesn't start or answers otherwise is named and
left out.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.environments import NotInstalled, program
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.questions import expected
from benchmarks.peers.report import Report
from benchmarks.peers.serving import Asked, Failed, Served, serve
from benchmarks.stack import SEED, install_models
from shared.catalogue import load_catalogue

CONNECTIONS = (1, 16, 64)
MODEL = "asl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    asked = _arguments(arguments)
    wrk = program("wrk")
    install_models()
    weights = next(SEED.resolve().glob(f"artifacts/objects/models/{MODEL}/*/weights.pth"))
    labels = load_catalogue().by_name[MODEL].labels
    report = Report(asked.connections)
    with tempfile.TemporaryDirectory(prefix="framelane-peers-") as folder:
        question = Asked(
            wrk, Path(folder), weights, labels, expected(weights, labels), asked.connections, asked.seconds
        )
        taking_part = _installed(contenders(asked.peers), report)
        if asked.install_only:
            return
        for number in range(asked.rounds):
            shift = number % max(len(taking_part), 1)
            for each in taking_part[shift:] + taking_part[:shift]:
                _measure(each, question, report)
    report.print(markdown=asked.markdown)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "peers",
        nargs="*",
        help="framelane, fastapi, litserve, mlserver, bentoml, ray; litserve:2b: 2 workers, batching",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each number of connections")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--markdown", action="store_true", help="the table as it stands in the README")
    parser.add_argument("--install-only", action="store_true")
    return parser.parse_args(arguments)


def _installed(wanted: Sequence[Contender], report: Report) -> list[Contender]:
    able: list[Contender] = []
    for each in wanted:
        try:
            each.product.python()
        except NotInstalled as error:
            report.absent(each.name, f"can't be installed here: {error}")
        else:
            able.append(each)
    return able


def _measure(contender: Contender, question: Asked, report: Report) -> None:
    print(f"  {contender.name} …", end=" ", flush=True, file=sys.stderr)
    try:
        served = serve(contender, question)
    except Failed as error:
        report.absent(contender.name, str(error))
        print(error, file=sys.stderr)
        return
    report.add(contender, served)
    print(_short(served), file=sys.stderr)


def _short(served: Served) -> str:
    return ", ".join(f"c={count}: {cell.seen.per_second:,.0f}/s" for count, cell in served.cells.items())


if __name__ == "__main__":
    main()
