"""Beginnings of files, between attempts, processes and machines that crash."""

import os
import subprocess
import sys
import threading

import pytest

from shared.errors import JobCancelled
from workers.hubs.partials import Note, Partials

HOLDER = """
import sys
from pathlib import Path
from workers.hubs.partials import Partials
with Partials(Path(sys.argv[1]), 60).of("source", lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def never():
    pytest.fail("it waited")


@pytest.fixture
def partials(tmp_path):
    return Partials(tmp_path / "partial", 60)


def begun(partials, source="source", content=b"beginning"):
    with partials.of(source, never) as partial, partial.begin(Note(validator='"v"', total=20), 0) as file:
        file.write(content)


def names(tmp_path):
    return sorted(path.suffix for path in (tmp_path / "partial").iterdir())


def test_what_was_begun_is_there_the_next_time(partials, tmp_path):
    begun(partials)
    with partials.of("source", never) as partial:
        assert partial.kept() == (9, Note(validator='"v"', total=20))
        with partial.begin(partial.kept()[1], 5) as file:
            file.write(b"!")
        partial.take(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"begin!"
    assert names(tmp_path) == []


def test_another_source_has_another_beginning(partials):
    begun(partials)
    with partials.of("other", never) as partial:
        assert partial.kept() == (0, None)


def test_what_nobody_could_know_again_is_not_kept(partials, tmp_path):
    with partials.of("source", never) as partial, partial.begin(None, 0) as file:
        file.write(b"beginning")
    assert names(tmp_path) == []


def test_a_note_that_was_cut_short_counts_for_nothing(partials, tmp_path):
    begun(partials)
    (note,) = (tmp_path / "partial").glob("*.json")
    note.write_text('{"validator": ')
    with partials.of("source", never) as partial:
        assert partial.kept() == (0, None)
    assert names(tmp_path) == []


def test_another_process_has_it_until_it_dies(partials, tmp_path):
    held = threading.Event()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "partial")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        partials.sweep()

        def wait():
            held.set()
            process.kill()

        with partials.of("source", wait) as partial:
            assert partial.kept() == (0, None)
    assert held.is_set()


def test_who_waits_can_be_stopped(partials):
    def stop():
        raise JobCancelled

    with partials.of("source", never), pytest.raises(JobCancelled), partials.of("source", stop):
        pytest.fail("two had it")


def test_a_sweep_takes_what_is_old_and_what_is_of_no_use(tmp_path):
    partials = Partials(tmp_path / "partial", 60)
    begun(partials, "young")
    folder = tmp_path / "partial"
    known = set(folder.glob("*.part"))
    begun(partials, "old")
    (old,) = set(folder.glob("*.part")) - known
    os.utime(old, (1, 1))
    begun(partials, "useless")
    (useless,) = set(folder.glob("*.part")) - known - {old}
    useless.with_suffix(".json").unlink()
    partials.sweep()
    assert set(folder.glob("*.part")) == known
    with partials.of("young", never) as partial:
        assert partial.size == len(b"beginning")


def test_a_sweep_where_nothing_ever_was(tmp_path):
    Partials(tmp_path / "none", 60).sweep()
