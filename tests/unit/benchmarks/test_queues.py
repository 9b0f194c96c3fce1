"""The programs that measure queues: what they are told, and what they read."""

import os
import struct
import sys
from pathlib import Path

import pytest

from benchmarks.environments import FOLDER, python_of
from benchmarks.processes import cpu_s, memory, started
from benchmarks.queues.__main__ import _arguments
from benchmarks.queues.contenders import APPS, QUEUES
from benchmarks.queues.timing import Failed, Stamps


def test_every_queue_has_its_program_and_pins() -> None:
    for queue in QUEUES.values():
        assert (APPS / f"{queue.product}_app.py").is_file()
        if queue.pinned:
            pins = APPS.parent / "requirements" / f"{queue.product}.txt"
            assert all("==" in pin for pin in pins.read_text("utf-8").splitlines())
    assert _arguments(["celery", "--rounds", "1"]).queues == ["celery"]
    assert _arguments([]).queues == []


def test_stamps_come_in_their_order_and_silence_is_an_error(tmp_path: Path) -> None:
    fifo = tmp_path / "stamps"
    os.mkfifo(fifo)
    stamps = Stamps(fifo)
    with fifo.open("wb", buffering=0) as pipe:
        for value in (1.0, 2.0, 3.0):
            pipe.write(struct.pack("d", value))
        assert stamps.take(2, 1) == [1.0, 2.0]
        with pytest.raises(Failed, match="1 of 2"):
            stamps.take(2, 0.01)


def test_a_tree_of_processes_is_counted_and_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; sum(range(10**7)); time.sleep(60)'])"
    with started([sys.executable, "-c", script], {}, tmp_path, log) as process:
        while cpu_s(process.pid) < 0.1:
            assert process.poll() is None, log.read_text("utf-8")
        assert memory(process.pid).anonymous > 1
    assert cpu_s(process.pid) == 0


def test_an_environment_with_these_pins_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pins = tmp_path / "things" / "requirements" / "one.txt"
    pins.parent.mkdir(parents=True)
    pins.write_text("thing==1\n", "utf-8")
    folder = FOLDER / "things-one"
    folder.mkdir(parents=True)
    (folder / "installed").write_text(f"thing==1\n\n{sys.version}", "utf-8")
    assert python_of(pins) == tmp_path / folder / "bin" / "python"
