import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

CODE = """
import sys
from pathlib import Path
sys.modules["gi"] = None
from workers.gst.gi_path import GStreamerMissing, find
try:
    find((Path(sys.argv[1]),))
except GStreamerMissing as error:
    print(error)
"""


def says(folder: Path) -> str:
    """What is said where ``gi`` can't be imported and the distribution's packages are in ``folder``."""
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder)], capture_output=True, text=True, check=True
    ).stdout


def test_bindings_that_are_not_there_are_named_with_what_brings_them(tmp_path: Path):
    said = says(tmp_path)
    assert "(gi) are missing" in said
    assert "apt-get install" in said
    assert "python3-gi" in said


@pytest.mark.parametrize("other", [True, False])
def test_bindings_for_another_python_are_told_from_missing_ones(tmp_path: Path, other: bool):
    suffix = ".cpython-399-x86_64-linux-gnu.so" if other else sysconfig.get_config_var("EXT_SUFFIX")
    (tmp_path / "gi").mkdir()
    (tmp_path / "gi" / f"_gi{suffix}").touch()
    assert ("for another Python" in says(tmp_path)) is other
    assert ("pygobject<3.52" in says(tmp_path)) is other
