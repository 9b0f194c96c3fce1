"""The one door to GStreamer's Python bindings, whether they come from pip or from the distribution."""

import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

Gst = Any
"""The module of this name; bindings have no types."""

APT = (
    "apt-get install -y --no-install-recommends gstreamer1.0-tools gstreamer1.0-plugins-base"
    " gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav"
    " gstreamer1.0-rtsp python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0"
)
"""What brings everything on Debian and its kin."""

DISTRIBUTION = (Path("/usr/lib/python3/dist-packages"), Path("/usr/lib64/python3/site-packages"))
"""Where a distribution keeps its bindings, of which a virtual environment knows nothing."""


class GStreamerMissing(Exception):
    """GStreamer or its bindings aren't there; the text says which and what brings them."""


def find(folders: tuple[Path, ...] = DISTRIBUTION) -> None:
    """Make ``gi`` importable. Raises GStreamerMissing.

    The folders go to the end of the path: what is installed for this interpreter is preferred, and with a ``gi``
    from pip, the overrides in them are used all the same.
    """
    for folder in folders:
        if (folder / "gi").is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    try:
        import_module("gi")
    except ImportError as error:
        raise GStreamerMissing(_why(folders, error)) from error


def _why(folders: tuple[Path, ...], error: ImportError) -> str:
    ours = f"_gi{sysconfig.get_config_var('EXT_SUFFIX')}"
    there = sorted(file.name for folder in folders for file in folder.glob("gi/_gi.*.so"))
    if there and ours not in there:
        return (
            f"GStreamer's Python bindings are here for another Python ({there[0]}); run Framelane with that"
            " one, or: apt-get install -y libgirepository1.0-dev libcairo2-dev pkg-config gcc,"
            ' then pip install "pygobject<3.52"'
        )
    return f"the Python bindings of GObject (gi) are missing ({error}): {APT}"


def load(*names: str) -> Any:
    """The module ``Gst``, or each of the named ones, not yet initialised. Raises GStreamerMissing."""
    find()
    gi = import_module("gi")
    wanted = names or ("Gst",)
    for name in wanted:
        try:
            if name.startswith("Gst"):
                gi.require_version(name, "1.0")
        except ValueError as error:
            raise GStreamerMissing(f"GStreamer's description for bindings is missing ({error}): {APT}") from error
    modules = [import_module(f"gi.repository.{name}") for name in wanted]
    return modules[0] if len(modules) == 1 else modules
