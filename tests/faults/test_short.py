"""The short form of the faults program, as ``make faults ARGS=--short`` runs it."""

import subprocess
import sys

import pytest

from tests.faults.members import ROOT
from tests.faults.rows import ROWS

_LIMIT_S = 420


@pytest.mark.service
@pytest.mark.timeout(_LIMIT_S + 30)
def test_the_contract_holds_under_every_fault():
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    assert last == f"faults: {len(ROWS)} passed, 0 failed", done.stdout + done.stderr[-3_000:]
    assert done.returncode == 0
