"""How fast pipeline texts are read: real ones, and the worst that a fuzzer finds."""

import random
import time
from collections.abc import Iterator
from contextlib import suppress

from benchmarks.stats import machine, print_figures
from shared.graph.emitter import emit
from shared.graph.faults import PipelineUnreadable
from shared.graph.parser import MAX_TEXT, parse
from tests.support.graphs import corpus

TEXTS = 10_000
PIECES = (
    *(
        "a ",
        "! ",
        "a ! ",
        "( ",
        ") ",
        ". ",
        "t. ! ",
        "a name=t ",
        "! x/y ",
        "x/y,w=1",
        ',b="',
        ",f=<[({",
        "}])>",
        '"',
    ),
    *("'", "\\", "\\\n", "#", "\n", "=", "://", "/", ";", "é", "a:b%c ", "@preset=", "a\\ ", "::", "%", " " * 50),
)
FUZZED = 400


def hostile(rng: random.Random) -> Iterator[str]:
    """Texts of the largest size: one piece over and over, a few in turn, and any in any order."""
    for piece in PIECES:
        for start in ("", "a ! ", "a ! x/y,", 'a b="'):
            yield start + piece * MAX_TEXT
    for _ in range(FUZZED):
        few = rng.choices(PIECES, k=rng.randint(2, 5))
        yield "".join(few) * MAX_TEXT
        yield "".join(rng.choices(PIECES, k=MAX_TEXT // 2))


def seconds(text: str) -> float:
    """Time to read ``text``, and to write it again if it can be read."""
    begun = time.perf_counter()
    with suppress(PipelineUnreadable):
        emit(parse(text))
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    texts = list(corpus().values())
    begun = time.perf_counter()
    for number in range(TEXTS):
        parse(texts[number % len(texts)])
    real = time.perf_counter() - begun
    letters = sum(map(len, texts)) // len(texts)
    rng = random.Random(1)
    slowest, worst = max((seconds(text[:MAX_TEXT]), text[:20]) for text in hostile(rng))
    print_figures(
        f"Pipeline texts ({machine()})",
        [
            (f"{TEXTS:,} real texts of {letters} characters on average", f"{real:.1f} s", "5 s"),
            (
                f"the slowest of {len(PIECES) * 4 + 2 * FUZZED} hostile texts of 64 KB: {worst!r}…",
                f"{slowest:.2f} s",
                "1 s",
            ),
        ],
    )


if __name__ == "__main__":
    main()
