import subprocess
import sys

from workers.scratch import ScratchRoot

HOLD = """
import sys
from pathlib import Path
from workers.scratch import ScratchRoot
root = ScratchRoot(Path(sys.argv[1]), "other")
(root.path / "file").write_text("x")
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_a_dead_process_left_is_swept_and_what_a_living_one_uses_stays(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        left = tmp_path / "scratch" / "other" / "file"
        ScratchRoot(tmp_path, "first").close()
        assert left.exists()
        other.kill()
    mine = ScratchRoot(tmp_path, "second")
    assert sorted(path.name for path in (tmp_path / "scratch").iterdir()) == ["second", "second.lock"]
    mine.close()
    assert list((tmp_path / "scratch").iterdir()) == []
