"""The short form of the faults program, as ``make faults ARGS=--short`` runs it: these rows here, the others beside."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.faults.members import ROOT
from tests.faults.rows import ROWS

LIMIT_S = 500
WORKERS = ("F1", "F2", "F3", "F4", "F15", "F16", "F17", "F18")
"""Rows about workers and what they do with jobs; as long as all the others together."""
OTHERS = [spec.name for spec in ROWS if spec.name not in WORKERS]


def assert_pass(names: Sequence[str]) -> None:
    """Of all these rows. The program's output is told if one doesn't."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short", "--only", ",".join(names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    assert last == f"faults: {len(names)} passed, 0 failed", done.stdout + done.stderr[-3_000:]
    assert done.returncode == 0


@pytest.mark.service
@pytest.mark.timeout(LIMIT_S + 30)
def test_the_contract_holds_whatever_workers_do():
    assert_pass(WORKERS)
