import os
import select
import signal
import subprocess
import sys

import pytest

from shared.errors import JobCancelled
from workers.processes import ProcessFailed, run_watched


def nothing() -> None:
    """Never stops the work."""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_of_both_outputs_arrive_and_the_last_needs_no_newline():
    lines: list[str] = []
    code = (
        "import sys; print('one', flush=True); print('two', file=sys.stderr, flush=True); print('three', end='')"
    )
    run_watched(python(code), nothing, lines.append)
    assert lines == ["one", "two", "three"]


def test_a_failing_process_tells_its_status_and_last_words():
    with pytest.raises(ProcessFailed) as caught:
        run_watched(python("import sys; print('it broke'); sys.exit(3)"), nothing)
    assert (caught.value.status, caught.value.last_words) == (3, "it broke")


def test_a_process_is_killed_with_its_children_when_the_work_shall_stop():
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True); child.wait()"
    )
    pids: list[int] = []

    def check() -> None:
        if pids:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        run_watched(python(code), check, lambda line: pids.append(int(line)))
    assert pids
    assert is_gone(pids[0])


def is_gone(pid: int) -> bool:
    """Within ten seconds; an orphan that is dead but not yet reaped counts."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)


def test_the_environment_is_the_given_one():
    lines: list[str] = []
    env = {**os.environ, "FRAMELANE_TEST_WORD": "lane"}
    run_watched(python("import os; print(os.environ['FRAMELANE_TEST_WORD'])"), nothing, lines.append, env=env)
    assert lines == ["lane"]


def test_helpers_learn_no_address_and_no_key_of_our_services(monkeypatch: pytest.MonkeyPatch):
    ours = ("FRAMELANE_ARTIFACTS__SECRET_KEY", "framelane_redis__url", "REDIS_URL", "AWS_SECRET_ACCESS_KEY")
    for name in (*ours, "PIP_NO_INDEX"):
        monkeypatch.setenv(name, "known")
    lines: list[str] = []
    run_watched(python("import os; print(*os.environ, sep='\\n')"), nothing, lines.append)
    assert {"PATH", "PIP_NO_INDEX"} <= set(lines)
    assert not set(ours) & set(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
@pytest.mark.parametrize("end", ["killed", "exits at once"])
def test_a_worker_that_dies_takes_its_helpers_with_it(end: str):
    helper = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    worker = (
        "import os, sys, threading; from workers.processes import run_watched\n"
        "def told(line):\n"
        "    print(line, flush=True)\n"
        f"    if {end != 'killed'}: os._exit(1)\n"
        f"command = [sys.executable, '-c', {helper!r}]\n"
        "threading.Thread(target=run_watched, args=(command, lambda: None, told)).start()"
    )
    with subprocess.Popen(python(worker), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        if end == "killed":
            assert os.getpgid(pid) != os.getpgid(process.pid), "a signal to the worker's group won't reach it"
            process.send_signal(signal.SIGKILL)
        assert is_gone(pid)
