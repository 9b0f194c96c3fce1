"""Ids made from names. Pure but for the chance in ``unused``."""

import re
import secrets
from collections.abc import Container

LONGEST = 64

_OTHER = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """Lower-case letters and digits of ``name``, everything else as single dashes; at most 64 characters."""
    return _OTHER.sub("-", name.lower()).strip("-")[:LONGEST].rstrip("-") or "unnamed"


def unused(base: str, taken: Container[str]) -> str:
    """``base``, or ``base`` with six hexadecimal digits behind it if it is taken."""
    found = base
    while found in taken:
        found = f"{base[: LONGEST - 7].rstrip('-')}-{secrets.token_hex(3)}"
    return found
