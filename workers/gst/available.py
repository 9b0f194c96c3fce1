"""What GStreamer of this machine has. As a program it prints the names of all elements, one a line."""

import signal
import subprocess
import sys
from functools import cache

from shared.errors import Unavailable
from shared.leash import leash
from workers.gst import gi_path
from workers.gst.process import environment

_LOOK_S = 60.0


class NoGStreamer(Unavailable):
    """This worker can't run pipelines."""

    code = "no-gstreamer"


@cache
def available() -> frozenset[str]:
    """Names of the elements that a pipeline can use, as a child process finds them; asked once per process.

    Raises NoGStreamer, which says what is missing and what brings it.
    """
    command = [*leash(signal.SIGKILL), sys.executable, "-P", "-m", "workers.gst.available"]
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
    return frozenset(done.stdout.split())


def main() -> int:
    """Print them."""
    try:
        gst = gi_path.load()
    except gi_path.GStreamerMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1
    gst.init([])
    features = gst.Registry.get().get_feature_list(gst.ElementFactory)
    sys.stdout.write("".join(f"{feature.get_name()}\n" for feature in features))
    return 0


if __name__ == "__main__":
    sys.exit(main())
