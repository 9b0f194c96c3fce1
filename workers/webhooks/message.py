"""What a receiver gets: body, headers and signature of https://www.standardwebhooks.com. Pure."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from hashlib import sha256

from pydantic import BaseModel

from shared.jobs import from_micros
from shared.ports import Callback
from shared.states import JobState

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


class Signer:
    """Signs with one secret. Raises ValueError, without a part of the secret, for one of another form."""

    def __init__(self, secret: str) -> None:
        try:
            self._key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if not secret.startswith(_PREFIX) or len(self._key) not in _KEY_BYTES:
            # Not chained: what the decoder says may quote the secret.
            raise ValueError("FRAMELANE_CALLBACKS__SECRET must be `whsec_` and base64 of 24 to 64 bytes") from None

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """The value of ``webhook-signature``."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self._key, signed, sha256)).decode()


class _Ended(BaseModel):
    """As much of a terminal event as is needed here: whatever else it says is passed on."""

    seq: int
    at_ms: int
    state: JobState


class Message:
    """One event. Its id and body are the same however often it is sent. Raises ValueError for no event of ours."""

    def __init__(self, callback: Callback) -> None:
        ended = _Ended.model_validate_json(callback.event)
        moment = from_micros(ended.at_ms * 1_000).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = f'{{"type":"job.{ended.state.lower()}","timestamp":"{moment}","data":'
        self.id = f"msg_{callback.job_id}_{ended.seq}"
        self.body = head.encode() + callback.event.encode() + b"}"

    def headers(self, signer: Signer, timestamp: int) -> Mapping[str, str]:
        """Of a try at ``timestamp``, in seconds since the epoch."""
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signer.sign(self.id, timestamp, self.body),
        }
