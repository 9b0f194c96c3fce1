"""Keys of artifacts. Pure."""

import re

_KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z")
_LONGEST = 900


def is_key(text: str) -> bool:
    """Whether it has the form the port asks for, and at most 900 characters."""
    return len(text) <= _LONGEST and bool(_KEY.match(text)) and not {".", ".."} & set(text.split("/"))


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError unless ``is_key``."""
    if not is_key(key):
        msg = f"not a key of ours: {key[:100]!r}"
        raise ValueError(msg)
    return key
