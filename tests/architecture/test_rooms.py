"""Rooms stay small, and nothing of the workshop or of a registry's address is left in the house."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WINGS = ("api", "workers", "shared", "client")
MOST_LINES = 400
MOST_FUNCTION_LINES = 60

# Built from pieces, so that this file doesn't find itself.
TRACES = re.compile(
    "|".join(
        (
            r"/wo" + r"rk/(?:main|shared)",
            r"\.libr" + r"ary/",
            r"\bsub" + r"agents?\b",
            r"\bhel" + r"per-\d",
            r"\bissue" + r" #?\d",
            r"pypi\." + r"org|pythonhosted\." + r"org",
            r"registry\." + r"npmjs",
            r"deb\." + r"debian\.org",
        )
    ),
    re.IGNORECASE,
)


def sources() -> list[Path]:
    return [path for wing in WINGS for path in sorted((ROOT / wing).rglob("*.py"))]


def tracked() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".jpg", ".webp", ".ico"}:
            yield path


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_room_is_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MOST_LINES
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_FUNCTION_LINES
    }
    assert not long, "functions over the limit"


def test_no_trace_of_the_workshop() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if TRACES.search(line)
    ]
    assert not found
