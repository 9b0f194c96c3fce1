"""What we are made of, and what is known against it: ``python -m deploy.audit``.

Writes a bill of materials of this environment (CycloneDX) to ``dist/sbom.json``, then asks the registry about
every pinned version. Exit status 1 if something is known against one. Where nobody answers, as without a network,
it says so and ends with 0; with ``--must`` with 2.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SBOM = ROOT / "dist" / "sbom.json"
PINS = ROOT / "constraints.txt"
_LIMIT_S = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Do both."""
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("--must", action="store_true", help="fail if not everything could be looked up")
    must: bool = parser.parse_args(arguments).must
    _say(f"{SBOM.relative_to(ROOT)} lists {bill(SBOM)} packages")
    report, why = look_up(PINS)
    found, unknown = judged(report)
    for each in found:
        _say(each)
    asked = len(report.get("dependencies", []))
    if not asked or unknown == asked:
        _say(f"skipped: nobody answered what is known against our packages{why and f' ({why})'}")
    else:
        _say(f"{asked - unknown} of {asked} versions were looked up, {len(found)} have known faults")
    return 1 if found else 2 if must and (unknown or not asked) else 0


def bill(target: Path) -> int:
    """Write the bill of materials; how many packages are on it."""
    target.parent.mkdir(exist_ok=True)
    options = [
        "--pyproject",
        str(ROOT / "pyproject.toml"),
        "--no-validate",
        "--output-reproducible",
        "--of",
        "JSON",
    ]
    command = [str(BIN / "cyclonedx-py"), "environment", *options, "-o", str(target), sys.executable]
    subprocess.run(command, check=True, timeout=_LIMIT_S, stderr=subprocess.DEVNULL)
    return len(json.loads(target.read_text("utf-8"))["components"])


def look_up(pins: Path) -> tuple[dict[str, Any], str]:
    """pip-audit's report, empty without one; and the last thing it said then."""
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        options = [
            "--no-deps",
            "--disable-pip",
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "--output",
            str(told),
        ]
        command = [
            str(BIN / "pip-audit"),
            "--requirement",
            str(pins),
            *options,
            "--format",
            "json",
            "--output",
            str(told),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if told.exists():
            return json.loads(told.read_text("utf-8")), ""
        return {}, done.stderr.strip().rpartition("\n")[2][:200]


def judged(report: Mapping[str, Any]) -> tuple[list[str], int]:
    """A line for each known fault, and of how many nothing was told: unknown isn't sound."""
    asked = report.get("dependencies", [])
    found = [_line(each, fault) for each in asked for fault in each.get("vulns", [])]
    return found, sum("skip_reason" in each for each in asked)


def _line(package: Mapping[str, Any], fault: Mapping[str, Any]) -> str:
    mended = " or ".join(fault["fix_versions"]) or "none"
    return f"{package['name']} {package['version']}: {fault['id']}, mended in {mended}"


def _say(line: str) -> None:
    sys.stdout.write(f"audit: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
