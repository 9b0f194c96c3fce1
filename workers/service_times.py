"""How long jobs took here lately, for whoever chooses a lane."""

import threading
from collections import OrderedDict

from shared.routing import ANY_WORK

WEIGHT = 0.2
"""Of the newest time in the mean: ten jobs later a time counts a tenth."""

_MOST = 64


class ServiceTimes:
    """Exponentially weighted means in milliseconds, by work; of the works measured last. Safe to share."""

    def __init__(self, weight: float = WEIGHT) -> None:
        self._weight = weight
        self._lock = threading.Lock()
        self._means: OrderedDict[str, float] = OrderedDict()

    def add(self, work: str, took_ms: float) -> None:
        """A job of this work ran for so long, to its good end."""
        with self._lock:
            for name in (work, ANY_WORK):
                before = self._means.pop(name, took_ms)
                self._means[name] = before + self._weight * (took_ms - before)
            while len(self._means) > _MOST:
                self._means.popitem(last=False)

    def now(self) -> dict[str, float]:
        """The means, to a microsecond."""
        with self._lock:
            return {name: round(mean, 3) for name, mean in sorted(self._means.items())}
