"""A small parent that keeps a worker process alive, and tells why it died when it did.

It loads nothing heavy, so that it costs little and hardly anything can go wrong in it. What it knows of its child
comes through a pipe (see ``workers.pulse``); what has to be said to the store is said by the coroner, a process
of its own.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

from shared.leash import leash
from workers import orphans
from workers.deaths import describe, exit_status, oom_kills
from workers.streams import Forwarder

PULSE_FD = "FRAMELANE_PULSE_FD"
"""The variable that tells the child its end of the pipe."""

DEATHS = "FRAMELANE_DEATHS"
"""The variable that tells the child how many before it died."""

WARMING, READY = b".", b"!"
"""Signs of life: no job can come yet, or one can. Whoever says nothing for a lease then has lost its jobs."""

LAST_LINES = 20

_TICK_S = 0.25
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_SETTLED_S = 10.0
_SHORTEST_SILENCE_S = 5.0
_LEASES_OF_SILENCE = 2 / 3  # before its leases lapse, so that its jobs learn the true cause
_LEASES_OF_WARMING_UP = 4
_CORONER_S = 30.0
_LAST_WORDS_S = 1.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def python(module: str, *arguments: str) -> list[str]:
    """The command of another Python process like this one."""
    # -P: a folder named like one of our packages where the user stands must not be taken for ours.
    return [sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", module, *arguments]


class Warden:
    """Runs ``command`` again and again until it is told to stop. To be used on the main thread of a process.

    ``coroner``: the command that takes a dead child's jobs away, given the child's id and, as its input, why.
    """

    def __init__(self, command: Sequence[str], coroner: Sequence[str] | None = None) -> None:
        self._command = list(command)
        self._coroner = list(coroner or python("workers.coroner"))
        self._stopping = False
        self._ever_lived = False
        self._deaths = 0
        self._pause_s = _FIRST_PAUSE_S

    def run(self) -> int:
        """The exit status for this process: that of the last child, the way shells pass on signals.

        The first child that can't start, and any that says so by status 78, ends it.
        """
        orphans.adopt()
        with _wakeups() as awake, self._signals():
            while True:
                life = _Life(self._command, awake, self._deaths)
                began, killed_before = time.monotonic(), oom_kills()
                status = life.watch(lambda: self._stopping)
                oom = oom_kills() > killed_before
                self._ever_lived = self._ever_lived or life.worker != ""
                if life.told and status in {0, -signal.SIGTERM}:  # it may have had no time to listen yet
                    return 0
                self._deaths += 1
                if self._ever_lived:
                    self._tell(life, describe(status, hung_s=life.hung_s, oom=oom))
                if life.told or not self._ever_lived or status == os.EX_CONFIG:
                    return exit_status(status)
                if self._rest(awake, time.monotonic() - began):
                    return 0

    def _tell(self, life: "_Life", cause: str) -> None:
        said = "\n".join([cause, *life.last_lines]).encode()
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [*leash(signal.SIGKILL), *self._coroner, life.worker], input=said, timeout=_CORONER_S, check=False
            )

    def _rest(self, awake: int, lived_s: float) -> bool:
        """Pause before the next life; True if there shall be none."""
        if lived_s >= _SETTLED_S:
            self._pause_s = _FIRST_PAUSE_S
        until = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        with selectors.DefaultSelector() as selector:
            selector.register(awake, selectors.EVENT_READ)
            while not self._stopping and (left := until - time.monotonic()) > 0:
                if selector.select(left):
                    os.read(awake, 512)
        return self._stopping

    @contextmanager
    def _signals(self) -> Generator[None]:
        def stop(_number: int, _frame: object) -> None:
            self._stopping = True

        # What was ignored stays so: nohup asks for that.
        heard = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, stop) for number in heard}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Life:
    """One child, from its start to its end."""

    def __init__(self, command: Sequence[str], awake: int, deaths: int) -> None:
        self.worker = ""
        self.hung_s: float | None = None
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._lease_s = 0.0
        self._hello = b""
        self._silent_s = 0.0
        self._ready = False
        self.told = False
        self._awake = awake
        self._pulse, pulse = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*leash(signal.SIGKILL), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(pulse,),
                env=_environment() | {PULSE_FD: str(pulse), DEATHS: str(deaths)},
                process_group=0,  # Ctrl-C in a terminal is the warden's to pass on
            )
        finally:
            os.close(pulse)
        pipes = ((self._process.stdout, sys.__stdout__), (self._process.stderr, sys.__stderr__))
        self._forwarders = [
            Forwarder(source.fileno(), target.fileno(), self.last_lines.append)
            for source, target in pipes
            if source and target
        ]

    def watch(self, stopping: Callable[[], bool]) -> int:
        """Look after it to its end; its status. Nothing that it started is left then."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._awake, selectors.EVENT_READ, lambda: os.read(self._awake, 512))
            selector.register(self._pulse, selectors.EVENT_READ, lambda: self._hear(selector))
            for each in self._forwarders:
                selector.register(each.source, selectors.EVENT_READ, lambda each=each: _pass_on(selector, each))
            while (status := self._process.poll()) is None:
                began = time.monotonic()
                _turn(selector, _TICK_S)
                self._count_silence(time.monotonic() - began)
                if stopping() and not self.told:
                    self.told = True
                    self._process.terminate()
                orphans.bury(self._process.pid)
            orphans.kill()
            self._hear_last_words(selector)
        self._close()
        return status

    def _hear(self, selector: selectors.BaseSelector) -> None:
        heard = os.read(self._pulse, 4096)
        self._silent_s = 0.0
        if not heard:
            selector.unregister(self._pulse)
        self._ready = heard.endswith(READY)
        if not self.worker:
            hello, newline, _beats = (self._hello + heard).partition(b"\n")
            self._hello = hello
            if newline:
                worker, lease_s = hello.decode().split()
                self.worker, self._lease_s = worker, float(lease_s)

    def _count_silence(self, passed_s: float) -> None:
        # No more than a turn takes: if this process itself was stopped for a while, the child hasn't been silent.
        self._silent_s += min(passed_s, 2 * _TICK_S)
        leases = _LEASES_OF_SILENCE if self._ready else _LEASES_OF_WARMING_UP
        limit_s = max(leases * self._lease_s, _SHORTEST_SILENCE_S)
        if self.worker and self.hung_s is None and self._silent_s >= limit_s:
            self.hung_s = self._silent_s
            self._process.kill()

    def _hear_last_words(self, selector: selectors.BaseSelector) -> None:
        until = time.monotonic() + _LAST_WORDS_S
        while any(not each.ended for each in self._forwarders) and time.monotonic() < until:
            _turn(selector, 0.05)
        for each in self._forwarders:
            each.flush()

    def _close(self) -> None:
        os.close(self._pulse)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


def _turn(selector: selectors.BaseSelector, limit_s: float) -> None:
    for key, _events in selector.select(limit_s):
        key.data()


def _pass_on(selector: selectors.BaseSelector, forwarder: Forwarder) -> None:
    forwarder.forward()
    if forwarder.ended:
        selector.unregister(forwarder.source)


def _environment() -> dict[str, str]:
    """The child writes to pipes; whether people read it at a terminal only we can see."""
    environ = dict(os.environ)
    if sys.stderr.isatty() and environ.get("FRAMELANE_LOG__FORMAT", "auto") == "auto":
        environ["FRAMELANE_LOG__FORMAT"] = "console"
    return environ


@contextmanager
def _wakeups() -> Generator[int]:
    """A descriptor that can be read when a signal has come."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
