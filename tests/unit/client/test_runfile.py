"""What a running system leaves in its data directory."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from client.local.logs import ConsoleLog, FileLog
from client.local.runfile import AlreadyRunning, DataDirLock, RunFile, persistent_key

HOLDER = """
import sys
from pathlib import Path
from client.local.runfile import DataDirLock
DataDirLock(Path(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_run_file_is_read_as_it_was_written(tmp_path: Path):
    written = RunFile(url="http://127.0.0.1:1", pid=2, pids={"cpu": 3})
    written.write(tmp_path)
    assert RunFile.read(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["framelane.json"]


@pytest.mark.parametrize("content", [None, "", "{", '{"url": 1}'])
def test_what_is_no_run_file_is_none(tmp_path: Path, content: str | None):
    if content is not None:
        RunFile.path(tmp_path).write_text(content)
    assert RunFile.read(tmp_path) is None


def test_one_holder_per_directory_named_to_the_second_who_may_follow_when_it_dies(tmp_path: Path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match="still starting or stopping"):
            DataDirLock(tmp_path).take()
        RunFile(url="http://127.0.0.1:7", pid=holder.pid).write(tmp_path)
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}, http://127.0.0.1:7"):
            DataDirLock(tmp_path).take()
        holder.kill()
    lock = DataDirLock(tmp_path)
    lock.take()
    lock.release()
    lock.take()
    lock.release()


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path):
    key = persistent_key(tmp_path / "link.key")
    assert len(key) >= 40
    assert persistent_key(tmp_path / "link.key") == key
    assert stat.S_IMODE((tmp_path / "link.key").stat().st_mode) == 0o600


class Terminal:
    def __init__(self, tty: bool) -> None:
        self.tty = tty
        self.text = ""

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_lines_say_who_spoke_in_colour_on_a_terminal_only():
    terminal, file = Terminal(tty=True), Terminal(tty=False)
    for stream in (terminal, file):
        ConsoleLog(stream)("gateway", "\x1b[32mready\x1b[0m")
    assert terminal.text == "\x1b[36mgateway   |\x1b[0m \x1b[32mready\x1b[0m\n"
    assert file.text == "gateway   | ready\n"


def test_a_log_file_begins_anew_and_takes_no_more_after_its_end(tmp_path: Path):
    log = FileLog(tmp_path / "log")
    for line in ("old", "new"):
        log.open()
        log("io", f"\x1b[1m{line}\x1b[0m")
        log.close()
        log("io", "late")
    assert (tmp_path / "log").read_text() == "io        | new\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
