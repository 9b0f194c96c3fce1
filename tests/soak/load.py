"""Acts without end: as many as the system does at most, then a share of that."""

import asyncio
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

from tests.soak.acts import Acts

CALLERS = 16
"""At once, when it is measured what the system can do."""
MOST = 48
"""At once, when a share of that is asked for: more aren't begun."""


@dataclass
class Done:
    """Acts by name, in so many seconds; ``failures`` by what they were."""

    seconds: float = 0.0
    acts: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    not_begun: int = 0

    @property
    def per_s(self) -> float:
        return self.acts.total() / self.seconds


class Load:
    """On one system."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    async def each(self, times: int) -> Done:
        """Every act so many times, all at once."""
        done = Done()
        await asyncio.gather(*(self._one(act, done) for act in self._acts.often for _ in range(times)))
        return done

    async def flat_out(self, seconds: float) -> Done:
        """By callers who begin anew as soon as they are done."""
        done, begun = Done(), time.monotonic()

        async def call() -> None:
            while time.monotonic() - begun < seconds:
                await self._one(self._acts.draw(), done)

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        done.seconds = time.monotonic() - begun
        return done

    async def paced(self, per_s: float, seconds: float) -> Done:
        """So many a second, whoever has been answered."""
        done, begun = Done(), time.monotonic()
        going: set[asyncio.Task[None]] = set()
        for number in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, begun + number / per_s - time.monotonic()))
            if len(going) >= MOST:
                done.not_begun += 1
                continue
            task = asyncio.create_task(self._one(self._acts.draw(), done))
            going.add(task)
            task.add_done_callback(going.discard)
        await asyncio.gather(*going)
        done.seconds = time.monotonic() - begun
        return done

    async def _one(self, act: object, done: Done) -> None:
        name = act.__name__  # type: ignore[attr-defined]
        try:
            await act()  # type: ignore[operator]
            done.acts[name] += 1
        except Exception as error:  # noqa: BLE001  told at the end
            last = traceback.extract_tb(error.__traceback__)[-1]
            done.failures[f"{name}: {type(error).__name__} {str(error)[:300]} ({last.name}:{last.lineno})"] += 1
