"""Keys of artifacts. Pure."""

import re

_KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z")
_LONGEST = 900


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError unless it has the form the port asks for, and at most 900 characters."""
    segments = key.split("/")
    if len(key) > _LONGEST or not _KEY.match(key) or {".", ".."} & set(segments):
        msg = f"not a key of ours: {key[:100]!r}"
        raise ValueError(msg)
    return key
