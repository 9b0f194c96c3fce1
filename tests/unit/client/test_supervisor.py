"""Supervision of real processes: small Python programs stand for the parts."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from client.local import supervisor as supervision
from client.local.parts import ProcessPart
from client.local.supervisor import StackFailed, Supervisor

WITHIN_S = 20.0
SLEEPER = "import time; print('here', flush=True); time.sleep(600)"
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))
print('here', flush=True)
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
time.sleep(600)
"""
BROKEN = "import sys; sys.exit('no such setting')"


class Log:
    """Collects lines; tests wait on them, for each speaker in the order of what was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._seen: Counter[str] = Counter()
        self._fresh = threading.Condition()

    def __call__(self, speaker: str, line: str) -> None:
        with self._fresh:
            self.lines.append((speaker, line))
            self._fresh.notify_all()

    def await_line(self, speaker: str, wanted: Callable[[str], bool] = lambda _: True) -> str:
        with self._fresh:
            assert self._fresh.wait_for(lambda: self._next(speaker, wanted), WITHIN_S), self.lines
            at, line = self._next(speaker, wanted)
            self._seen[speaker] = at + 1
            return line

    def _next(self, speaker: str, wanted: Callable[[str], bool]) -> tuple[int, str] | None:
        said = enumerate(line for who, line in self.lines if who == speaker)
        return next(((at, line) for at, line in said if at >= self._seen[speaker] and wanted(line)), None)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def supervise(log: Log) -> Generator[Callable[..., Supervisor]]:
    running: list[Supervisor] = []

    def start(settled: bool = True, **programs: str | tuple[int, str]) -> Supervisor:
        parts = [
            part(name, program if isinstance(program, tuple) else (1, program), log)
            for name, program in programs.items()
        ]
        supervisor = Supervisor(parts, log, lambda: None)
        if settled:
            supervisor.settle()
        supervisor.start()
        running.append(supervisor)
        return supervisor

    yield start
    for supervisor in running:
        supervisor.kill()
        supervisor.stop()


def part(name: str, program: tuple[int, str], log: Log) -> ProcessPart:
    rank, code = program
    return ProcessPart(name, rank, lambda: ["-c", code], lambda: os.environ, log)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def await_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(WITHIN_S)
    except psutil.NoSuchProcess:
        return


def test_a_part_that_is_killed_starts_again_as_another_process(supervise, log):
    supervisor = supervise(cpu=SLEEPER)
    log.await_line("cpu")
    first = supervisor.pids()["cpu"]
    os.kill(first, signal.SIGKILL)
    assert "killed by signal 9" in log.await_line("framelane", lambda line: "again" in line)
    log.await_line("cpu")
    assert supervisor.pids()["cpu"] != first
    assert supervisor.failure is None


def test_a_part_that_dies_while_everything_starts_gets_one_more_try_and_its_words_are_told(supervise):
    supervisor = supervise(settled=False, cpu=BROKEN, io=SLEEPER)
    assert supervisor.finished.wait(WITHIN_S)
    assert isinstance(supervisor.failure, StackFailed)
    assert "cpu ended with status 1, 2 times" in supervisor.failure.detail
    assert "no such setting" in supervisor.failure.detail
    assert supervisor.pids() == {}


def test_a_crash_loop_stops_everything(supervise, log, monkeypatch):
    monkeypatch.setattr(supervision, "_FIRST_BACKOFF_S", 0.001)
    supervisor = supervise(cpu=BROKEN, io=SLEEPER)
    assert supervisor.finished.wait(WITHIN_S)
    assert "5 times" in supervisor.failure.detail
    assert supervisor.pids() == {}


@pytest.mark.parametrize(
    "said",
    [
        "no such device, try --lane cpu",
        "early\n2026-11-21 [error] worker_cannot_start process=worker:cpu reason='no such device, try --lane cpu'",
        '{"reason": "no such device, try --lane cpu", "level": "error"}',
    ],
)
def test_a_part_that_says_its_settings_are_wrong_is_not_tried_again_and_only_its_reason_is_told(supervise, said):
    supervisor = supervise(cpu=f"import sys; print({said!r}); sys.exit({os.EX_CONFIG})")
    assert supervisor.finished.wait(WITHIN_S)
    assert supervisor.failure.detail == "lane cpu: no such device, try --lanes cpu"


def test_the_stop_goes_by_rank_and_is_gentle(supervise, log):
    supervisor = supervise(valkey=(9, POLITE), cpu=(1, POLITE), gateway=(0, POLITE))
    for name in ("valkey", "cpu", "gateway"):
        log.await_line(name)
    supervisor.stop()
    assert [who for who, line in log.lines if line == "bye"] == ["gateway", "cpu", "valkey"]
    stopped = [line for who, line in log.lines if who == "framelane"]
    assert stopped == ["gateway stopped", "cpu stopped", "valkey stopped"]


def test_who_ignores_the_gentle_signal_is_killed(supervise, log, monkeypatch):
    monkeypatch.setattr(supervision, "_GRACE_S", (0.3, 0.3))
    supervisor = supervise(cpu=STUBBORN)
    log.await_line("cpu")
    pid = supervisor.pids()["cpu"]
    supervisor.stop()
    assert gone(pid)
    assert any("killed" in line for who, line in log.lines if who == "cpu")


def test_a_second_interrupt_makes_the_stop_short(supervise, log):
    supervisor = supervise(cpu=STUBBORN)
    log.await_line("cpu")
    stopping = threading.Thread(target=supervisor.stop)
    stopping.start()
    supervisor.kill()
    stopping.join(5)
    assert not stopping.is_alive()


def test_what_a_part_started_goes_with_it(supervise, log):
    supervisor = supervise(io=PARENT)
    grandchild = int(log.await_line("io"))
    os.kill(supervisor.pids()["io"], signal.SIGKILL)
    await_gone(grandchild)
    assert gone(grandchild)


def test_the_parts_die_with_a_supervisor_that_is_killed(tmp_path: Path):
    program = textwrap.dedent(
        f"""
        import os, sys, threading
        from client.local.parts import ProcessPart
        from client.local.supervisor import Supervisor
        tell = lambda who, line: print(supervisor.pids()[who], flush=True)
        part = ProcessPart("cpu", 1, lambda: ["-c", {SLEEPER!r}], lambda: os.environ, tell)
        supervisor = Supervisor([part], tell, lambda: None)
        supervisor.start()
        threading.Event().wait()
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        child = int(owner.stdout.readline())
        assert not gone(child)
        owner.kill()
    await_gone(child)
    assert gone(child)
