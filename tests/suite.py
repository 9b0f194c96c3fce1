"""Run every test; what failed is run once more, alone.

Five processes of tests share the processor with the servers they start, which a busy machine can make slower than any
patience of ours. What fails beside others and passes alone is told by name, for us to mend, and stops nobody. What fails
alone too, or more than a few, does. A law fails again with the same example, which Hypothesis keeps.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FAILED = ROOT / ".pytest_cache/v/cache/lastfailed"
_TOGETHER = ("-n", "5", "--dist", "loadfile", "--no-loadscope-reorder")
_ALONE = ("--last-failed", "--last-failed-no-failures", "none", "-n", "0")
_SOME_FAILED = 1
"""What pytest exits with when tests failed; other faults are no matter of being alone."""
_A_FEW = 12


def main(arguments: Sequence[str]) -> int:
    """As pytest exits. ``arguments``: for pytest."""
    _FAILED.unlink(missing_ok=True)
    code = _pytest(*_TOGETHER, *arguments)
    failed = _failed()
    if code != _SOME_FAILED or not 0 < len(failed) <= _A_FEW:
        return code
    print(f"\n{len(failed)} failed beside others; now alone", flush=True)
    code = _pytest(*_ALONE, *arguments)
    if code == 0:
        print("passed, but unsteady: these failed beside others", *failed, sep="\n  ", flush=True)
    return code


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def _failed() -> list[str]:
    try:
        return sorted(json.loads(_FAILED.read_text("utf-8")))
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
