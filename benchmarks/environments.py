"""Virtual environments for other people's software, apart from ours: made once per machine and list of pins."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(".framelane/peers")
_SAYS = 300


class NotInstalled(Exception):
    """The software can't be had on this machine; the message is pip's last line about it."""


def python_of(requirements: Path, *, torch: bool = False) -> Path:
    """The interpreter of an environment with these pins; ``torch``: and with the very PyTorch that we use.

    Making it takes minutes. Raises NotInstalled.
    """
    pins = requirements.read_text("utf-8")
    extra = [f"torch=={version('torch')}"] if torch else []
    wanted = "\n".join((pins, *extra, sys.version))
    folder = FOLDER / f"{requirements.parents[1].name}-{requirements.stem}"
    stamp, python = folder / "installed", folder.resolve() / "bin" / "python"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    print(f"installing {requirements.stem} (once; some minutes)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "-q", "-r", str(requirements), *extra])
    stamp.write_text(wanted, "utf-8")
    return python


def program(name: str) -> str:
    """A program of the system, installed with apt-get where that can be done without a question.

    Raises NotInstalled.
    """
    if found := shutil.which(name):
        return found
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", name]):
        _run([*root, "apt-get", *words])
    return shutil.which(name) or name


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NotInstalled(f"there is no {command[0]}") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip() or error.stdout.strip() or f"status {error.returncode}").splitlines()
        raise NotInstalled(said[-1][:_SAYS]) from error
