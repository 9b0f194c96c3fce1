"""A crew of real processes: small Python programs stand for the gateway."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
WITHIN_S = 20.0
CREW = """
import os, signal, sys, time
from api import crew
from api.crew import Crew
crew.DEATHS_PER_MINUTE = 2
def member():
    {member}
sys.exit(Crew({size}, member, {grace}).run())
"""
WAITING = r"os.write(1, b'%d\n' % os.getpid()); time.sleep(600)"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as ending:

        def started(member: str, size: int = 2, grace: float = 10.0) -> subprocess.Popen[str]:
            crew = subprocess.Popen(
                [sys.executable, "-c", CREW.format(member=member, size=size, grace=grace)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            ending.enter_context(crew)
            ending.callback(crew.kill)
            return crew

        yield started


def pids(crew: subprocess.Popen[str], count: int = 2) -> list[psutil.Process]:
    """The next members that say who they are; what else is said is a log."""
    assert crew.stdout is not None
    numbers = (int(line) for line in crew.stdout if line.strip().isdecimal())
    return [psutil.Process(next(numbers)) for _ in range(count)]


def test_members_are_copies_that_end_when_asked(start: Start) -> None:
    crew = start(WAITING)
    members = pids(crew)
    assert len({each.pid for each in members}) == 2
    crew.terminate()
    assert crew.wait(WITHIN_S) == 0
    assert psutil.wait_procs(members, WITHIN_S)[1] == []


def test_dead_member_is_replaced(start: Start) -> None:
    crew = start(WAITING)
    first, other = pids(crew)
    first.kill()
    (third,) = pids(crew, 1)
    assert third.pid not in {first.pid, other.pid}
    assert other.is_running()
    assert {each.pid for each in psutil.Process(crew.pid).children()} == {other.pid, third.pid}


def test_members_end_with_a_crew_that_is_killed(start: Start) -> None:
    crew = start(WAITING)
    members = pids(crew)
    crew.kill()
    assert psutil.wait_procs(members, WITHIN_S)[1] == []


def test_stubborn_member_is_killed_after_its_grace(start: Start) -> None:
    crew = start(STUBBORN, grace=0.2)
    members = pids(crew)
    crew.send_signal(signal.SIGINT)
    assert crew.wait(WITHIN_S) == 0
    assert psutil.wait_procs(members, WITHIN_S)[1] == []


@pytest.mark.parametrize(("member", "status"), [(f"return {os.EX_CONFIG}", os.EX_CONFIG), ("raise OSError", 1)])
def test_crew_gives_up_members_that_cant_live(member: str, status: int, start: Start) -> None:
    assert start(member, size=1).wait(WITHIN_S) == status
