import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.deaths import STUCK, describe, exit_status, oom_kills

V2 = "0::/kubepods/pod-1\n"
V1 = "5:cpu:/other\n4:cpuset,memory:/docker/abc\n0::/\n"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-signal.SIGKILL, "was killed by SIGKILL (killed)"),
        (-signal.SIGSEGV, "was killed by SIGSEGV (segmentation fault)"),
        (-200, "was killed by signal 200"),
        (0, "ended with status 0 in the middle of its work"),
        (3, "ended with status 3 in the middle of its work"),
        (STUCK, "ended itself, because work didn't stop when it was told to"),
        (os.EX_CONFIG, "couldn't start as it was asked to"),
    ],
)
def test_an_end_in_words(status: int, words: str):
    assert describe(status) == f"the worker process {words}"


def test_the_kernel_s_killer_is_named_only_where_it_was_a_kill():
    assert "out of memory (OOM)" in describe(-signal.SIGKILL, oom=True)
    assert "OOM" not in describe(-signal.SIGSEGV, oom=True)


def test_it_is_said_of_which_process():
    assert describe(-signal.SIGKILL, oom=True, what="the other process") == (
        "the other process was killed by the kernel: out of memory (OOM)"
    )


def test_a_hang_is_no_kill_of_somebody_else():
    assert describe(-signal.SIGKILL, hung_s=30.04, oom=True) == (
        "the worker process hung: killed after 30.0 s without a sign of life"
    )


@given(st.integers(-64, 255))
def test_a_status_is_passed_on_as_shells_do(status: int):
    assert exit_status(status) == (status if status >= 0 else 128 + abs(status))


def tree(root: Path, **files: str) -> tuple[Path, Path]:
    proc, groups = root / "proc", root / "cgroup"
    for name, text in {"vmstat": "nr_free_pages 1\noom_kill 7\n", **files}.items():
        path = proc / name if name in {"vmstat", "self/cgroup"} else groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc, groups


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"self/cgroup": V2, "kubepods/pod-1/memory.events": "low 0\noom 4\noom_kill 3\n"}, 3),
        ({"self/cgroup": V2, "memory.events": "oom 4\noom_kill 2\n"}, 2),
        ({"self/cgroup": V1, "memory/docker/abc/memory.oom_control": "under_oom 0\noom_kill 5\n"}, 5),
        ({"self/cgroup": V1, "memory/memory.oom_control": "under_oom 0\noom_kill 1\n"}, 1),
        ({"self/cgroup": V2}, 7),
        ({}, 7),
        ({"vmstat": ""}, 0),
    ],
)
def test_kills_are_counted_where_the_kernel_tells_them(tmp_path: Path, files: dict[str, str], count: int):
    assert oom_kills(*tree(tmp_path, **files)) == count


def test_this_machine_can_be_asked():
    assert oom_kills() >= 0
