"""What a container's probe finds out about a real worker."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.processes import _REPO, LIMIT_S, System

pytestmark = pytest.mark.service


def checkup(system: System, *options: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "workers.checkup", *options],
        cwd=_REPO,
        env=os.environ | system.env | {"FRAMELANE_WORKER__LANE": "io"} | env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


def test_a_worker_that_works_and_one_that_stands_still(system):
    # So long it counts as announced without saying anything.
    worker = system.start(FRAMELANE_WORKER__HEARTBEAT_S="30")
    assert checkup(system) == checkup(system, "--live") == (0, "ok")
    assert checkup(system, FRAMELANE_WORKER__LANE="cpu") == (
        1,
        "no worker of lane cpu has announced itself from here",
    )

    worker.send(signal.SIGSTOP)  # or the warden would mend it
    os.kill(worker.child, signal.SIGSTOP)
    try:
        status, said = checkup(system, "--live")
    finally:
        os.kill(worker.child, signal.SIGCONT)
        worker.send(signal.SIGCONT)
    assert (status, said) == (1, f"announced, but takes nothing from its queue's server: {worker.lives[-1]}")


def test_a_store_that_is_down_is_no_reason_to_restart(system):
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    status, said = checkup(system, **nowhere)
    assert status == 1
    assert said.startswith("can't be asked: ")
    assert checkup(system, "--live", **nowhere) == (0, "ok")
