"""Keeps parts alive: starts them, starts them again when they die, stops them in order."""

import ast
import contextlib
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from client.local.logs import LogSink
from client.local.parts import Part
from shared.errors import FramelaneError

DEATHS_PER_MINUTE = 5
DEATHS_BEFORE_SETTLED = 2
"""While everything starts, a part that dies has most likely a wrong setting: one more try, no more."""

_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 5.0
_GRACE_S = (9.0, 10.0)
"""Seconds for the gateway and then the workers to end by themselves; Valkey has ten of its own."""

SPEAKER = "framelane"

_STRING = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_REASON = re.compile(rf"""\breason(?:=|":\s*){_STRING}""")
"""In a line of a log for people, and in one of JSON."""


class StackFailed(FramelaneError):
    """A part of the local system doesn't stay alive."""

    code = "local-stack-failed"


@dataclass
class _Watched:
    part: Part
    deaths: deque[float] = field(default_factory=deque[float])
    due: float | None = None

    def died(self, now: float) -> int:
        """Note the death; how many there were within the last minute."""
        self.deaths.append(now)
        while self.deaths[0] < now - 60:
            self.deaths.popleft()
        return len(self.deaths)


@dataclass(frozen=True)
class _Died:
    watched: _Watched
    status: int


class Supervisor:
    """Owns the processes of ``parts`` from one thread, because the kernel ties their lives to it."""

    def __init__(self, parts: Sequence[Part], sink: LogSink, on_change: Callable[[], None]) -> None:
        """``on_change`` is called when a part has been started."""
        self.failure: StackFailed | None = None
        self.finished = threading.Event()
        self._watched = [_Watched(part) for part in parts]
        self._sink = sink
        self._on_change = on_change
        self._messages: queue.Queue[_Died | None] = queue.Queue()
        self._settled = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin starting the parts, in their order; return at once."""
        self._thread.start()

    def settle(self) -> None:
        """Everything is up: from now on a part that dies is given more tries."""
        self._settled = True

    def stop(self) -> None:
        """Stop the parts, in the order of their ranks, within 30 s."""
        if self._thread.is_alive():
            self._messages.put(None)
            self._thread.join()

    def kill(self) -> None:
        """While stopping: wait for nothing any more."""
        for watched in self._watched:
            watched.part.kill()

    def pids(self) -> dict[str, int]:
        """Process ids of the parts that run now."""
        return {each.part.name: pid for each in self._watched if (pid := each.part.pid) is not None}

    def _run(self) -> None:
        try:
            for watched in self._watched:
                self._launch(watched)
            while self.failure is None and (message := self._next()) is not None:
                self._on_death(message.watched, message.status)
        except FramelaneError as error:
            self.failure = StackFailed(error.detail)
        finally:
            self._stop_all()
            self.finished.set()

    def _next(self) -> _Died | None:
        """The next death, or None to stop; starts what is due meanwhile."""
        while True:
            due = min((each.due for each in self._watched if each.due is not None), default=None)
            try:
                return self._messages.get(timeout=None if due is None else max(due - time.monotonic(), 0))
            except queue.Empty:
                now = time.monotonic()
                for watched in self._watched:
                    if watched.due is not None and watched.due <= now:
                        self._launch(watched)

    def _launch(self, watched: _Watched) -> None:
        watched.due = None
        watched.part.start()
        threading.Thread(target=self._await_death, args=(watched,), daemon=True).start()
        self._on_change()

    def _await_death(self, watched: _Watched) -> None:
        status = watched.part.wait()
        self._messages.put(_Died(watched, status))

    def _on_death(self, watched: _Watched, status: int) -> None:
        watched.part.end(0)
        deaths = watched.died(time.monotonic())
        limit = DEATHS_PER_MINUTE if self._settled else DEATHS_BEFORE_SETTLED
        if status == os.EX_CONFIG:
            limit = 1  # it says itself that trying again can't help
        name = watched.part.name
        if deaths >= limit:
            self.failure = StackFailed(_why(name, status, deaths, watched.part.last_words()))
            self._sink(SPEAKER, f"{name} doesn't stay alive: stopping everything")
            return
        backoff = min(_FIRST_BACKOFF_S * 2 ** (deaths - 1), _LONGEST_BACKOFF_S)
        self._sink(SPEAKER, f"{name} {describe(status)}: starting it again in {backoff:g} s")
        watched.due = time.monotonic() + backoff

    def _stop_all(self) -> None:
        ordered = sorted((each.part for each in self._watched), key=lambda part: part.rank)
        for step, (_rank, group) in enumerate(groupby(ordered, key=lambda part: part.rank)):
            parts = [part for part in group if part.pid is not None]
            for part in parts:
                part.ask_to_stop()
            deadline = time.monotonic() + _GRACE_S[min(step, len(_GRACE_S) - 1)]
            for part in parts:
                part.end(max(deadline - time.monotonic(), 0))
                self._sink(SPEAKER, f"{part.name} stopped")


def told_reason(words: str) -> str:
    """Why a worker says it can't start, in the words of who started it; its last line if it says it otherwise."""
    reason = words.strip().rpartition("\n")[2] or "it doesn't say why"
    if found := _REASON.findall(words):
        with contextlib.suppress(ValueError, SyntaxError):
            reason = str(ast.literal_eval(found[-1]))
    return reason.replace("--lane ", "--lanes ")


def _why(name: str, status: int, deaths: int, words: str) -> str:
    if status == os.EX_CONFIG:
        return f"lane {name}: {told_reason(words)}"
    times = f"{deaths} time{'' if deaths == 1 else 's'}"
    return f"{name} {describe(status)}, {times} within a minute; it said:\n{words or '(nothing)'}"


def describe(status: int) -> str:
    """An exit status in words."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
