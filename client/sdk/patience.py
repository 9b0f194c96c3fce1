"""Whether a call that met no gateway is worth another try: one that answered before may just be starting again."""

from typing import Any

import httpx2

from client.sdk.calls import Call

PATIENCE_S = 3.0
_FIRST_PAUSE_S = 0.1


class Patience:
    """Of one call to a gateway. ``met``: whether it ever answered; ``patience_s``: of all pauses together."""

    def __init__(self, call: Call[Any], *, met: bool, patience_s: float) -> None:
        self._left_s = patience_s if met and call.repeatable else 0.0
        self._pause_s = _FIRST_PAUSE_S

    def pause(self, error: httpx2.TransportError) -> float | None:
        """Seconds before the next try; None if there shall be none."""
        if self._left_s <= 0 or isinstance(error, httpx2.TimeoutException):
            return None
        pause = min(self._pause_s, self._left_s)
        self._left_s -= pause
        self._pause_s *= 2
        return pause
