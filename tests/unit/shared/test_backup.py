"""What becomes of each key of the store: whoever adds one decides whether it is copied."""

import re
from pathlib import Path

import pytest

from shared.adapters.backup.families import Family, counts, family

ADAPTERS = Path(__file__).parents[3] / "shared" / "adapters"
NAMES = re.compile(r"""(?:\b(?:P|ARGV\[1\]) \.\. ':|prefix\}:)([a-z_-]+)(:?)""")
"""As they stand in scripts and in Python, up to what varies."""

COPIED = {"keys", "models", "media", "media:", "pipelines", "audit", "upload:", "log-levels"}
OF_BOTH_KINDS = {"events", "sessions:", "session:", "models:"}
"""Channels, which are no keys, and beginnings that more follows."""


def named() -> set[str]:
    files = [*ADAPTERS.rglob("*.lua"), *ADAPTERS.rglob("*.py")]
    return {name + more for path in files for name, more in NAMES.findall(path.read_text("utf-8"))}


def test_every_name_was_thought_of():
    found = named()
    assert {"job:", "index", "leases", "keys", "rate:", "upload:"} <= found, "the search finds names"
    copied = {name for name in found if family(name + ("x" if name.endswith(":") else "")) is Family.KEY}
    assert copied - OF_BOTH_KINDS <= COPIED, (
        "a new key is copied as it stands; if it is rebuilt, or passes, say so in families.py; else add it here"
    )


@pytest.mark.parametrize(
    ("name", "its"),
    [
        ("job:a-b.c", Family.JOB),
        ("job:a:blobs", Family.JOB),
        ("benchmark:x", Family.BENCHMARK),
        ("benchmarks:of:default", Family.REBUILT),
        ("benchmarks:order", Family.REBUILT),
        ("index:default", Family.REBUILT),
        ("dead:acme", Family.REBUILT),
        ("sent:5:cpu", Family.REBUILT),
        ("idempotency:a:b", Family.REBUILT),
        ("uploads", Family.REBUILT),
        ("upload:x", Family.KEY),
        ("media:used", Family.KEY),
        ("models", Family.KEY),
        ("models:holder", Family.PASSING),
        ("held:sweep", Family.PASSING),
        ("broker:cpu", Family.PASSING),
        ("session:x", Family.PASSING),
        ("session:x:window", Family.PASSING),
        ("session:x:record", Family.KEY),
        ("session:x:filed", Family.KEY),
        ("sessions:recorded", Family.KEY),
        ("audit", Family.KEY),
        ("of a later version", Family.KEY),
    ],
)
def test_families(name: str, its: Family):
    assert family(name) is its
    assert counts(name) == (its is not Family.PASSING and name != "audit")
