"""What GStreamer of this machine has.

As a program it prints the names of all elements, one a line; with names of elements as arguments, each with its
properties; with ``--version`` the version alone.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from shared.errors import Unavailable
from shared.leash import leash
from workers.gst import gi_path
from workers.gst.process import environment

_LOOK_S = 60.0
_VERSION = "--version"


class NoGStreamer(Unavailable):
    """This worker can't run pipelines."""

    code = "no-gstreamer"


@cache
def available() -> frozenset[str]:
    """Names of the elements that a pipeline can use, as a child process finds them; asked once per process.

    Raises NoGStreamer, which says what is missing and what brings it.
    """
    return frozenset(_asked().split())


@cache
def properties(elements: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """Names of the properties of elements, asked for as ``available`` does; what can't be made is left out.

    Raises NoGStreamer.
    """
    told = (line.split() for line in _asked(*sorted(elements)).splitlines()) if elements else ()
    return {name: frozenset(keys) for name, *keys in told}


@cache
def version() -> str:
    """Of GStreamer: ``1.22.0``, asked for as ``available`` does. Raises NoGStreamer."""
    return _asked(_VERSION).strip()


def _asked(*elements: str) -> str:
    """What the program prints."""
    command = [*leash(signal.SIGKILL), sys.executable, "-P", "-m", "workers.gst.available", *elements]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LOOK_S, check=False, env=environment()
        )
    except subprocess.TimeoutExpired as error:
        raise NoGStreamer(f"GStreamer didn't list its elements within {_LOOK_S:g} s") from error
    if done.returncode != 0:
        raise NoGStreamer(
            done.stderr.strip() or f"GStreamer's registry couldn't be read: status {done.returncode}"
        )
    return done.stdout


def main() -> int:
    """Print what is asked for."""
    try:
        gst = gi_path.load()
    except gi_path.GStreamerMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1
    gst.init([])
    sys.stdout.write("".join(f"{line}\n" for line in _lines(gst, sys.argv[1:])))
    return 0


def _lines(gst: gi_path.Gst, arguments: list[str]) -> Iterator[str]:
    if arguments == [_VERSION]:
        return iter([".".join(str(part) for part in gst.version()[:3])])
    return _with_properties(gst, arguments) if arguments else _names(gst)


def _names(gst: gi_path.Gst) -> Iterator[str]:
    for feature in gst.Registry.get().get_feature_list(gst.ElementFactory):
        yield feature.get_name()


def _with_properties(gst: gi_path.Gst, elements: list[str]) -> Iterator[str]:
    for name in elements:
        element = gst.ElementFactory.make(name)
        if element is not None:
            yield " ".join([name, *(each.name for each in element.list_properties())])


if __name__ == "__main__":
    sys.exit(main())
