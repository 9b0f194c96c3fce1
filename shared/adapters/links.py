"""Links below the gateway's root that give anyone one object for a while. Pure, but for the clock."""

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qs, quote, urlencode

from pydantic import SecretStr

PATH = "/api/v1/files/"
LONGEST_S = 900
"""A link is good no longer than this, whoever asked for it."""


class LinkSigner:
    """HMAC-SHA256 over key, expiry and filename.

    Without a secret it makes one up: then its links are good only in this process.
    """

    def __init__(self, secret: SecretStr, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.get_secret_value().encode() or secrets.token_bytes(32)
        self._clock = clock

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """Path and query. Raises ValueError beyond 15 minutes."""
        expires = int(self._clock()) + checked_time(expires_s)
        query = {"expires": expires, "name": filename, "signature": self._sign(key, str(expires), filename)}
        return f"{PATH}{quote(key)}?{urlencode(query)}"

    def check(self, key: str, query: str) -> str:
        """The filename that the query string was signed with. Raises PermissionError."""
        given = parse_qs(query, keep_blank_values=True)
        expires, name, signature = (given.get(each, [""])[0] for each in ("expires", "name", "signature"))
        if not self.verify(key, expires, name, signature):
            msg = "the link is not one of ours, or it is too late"
            raise PermissionError(msg)
        return name

    def verify(self, key: str, expires: str, name: str, signature: str) -> bool:
        """Whether the signature is ours and the time hasn't come."""
        # Bytes: comparing text raises for anything that isn't ASCII.
        if not hmac.compare_digest(self._sign(key, expires, name).encode(), signature.encode()):
            return False
        return 0 <= int(expires) - self._clock() <= LONGEST_S

    def _sign(self, key: str, expires: str, name: str) -> str:
        # With their lengths before them, nothing can be moved from one part into the next.
        signed = f"{len(key)}:{key}{len(expires)}:{expires}{name}"
        return hmac.new(self._secret, signed.encode(), sha256).hexdigest()


def checked_time(expires_s: int) -> int:
    """The time itself. Raises ValueError beyond what a link may be good for."""
    if not 0 < expires_s <= LONGEST_S:
        msg = f"a link is good for 1 to {LONGEST_S} s, not {expires_s}"
        raise ValueError(msg)
    return expires_s


def attachment(filename: str) -> str:
    """The value of Content-Disposition that saves under ``filename``, whatever characters it has."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
