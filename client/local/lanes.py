"""Which lanes a system of this machine has unless others are asked for."""

import subprocess
import sys
from collections.abc import Mapping

FAST_LANES = ("cpu", "io")
PIPELINES = "cpu.long"
_LOOK_S = 60.0


def default_lanes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """One for pipelines is among them where GStreamer and its Python bindings are.

    Takes half a second; more the first time, when GStreamer looks at all its plugins.
    """
    return (*FAST_LANES, PIPELINES) if why_no_pipelines(environ) is None else FAST_LANES


def why_no_pipelines(environ: Mapping[str, str]) -> str | None:
    """What is missing and what brings it; None if pipelines can run.

    The worker's own look, in a process that ends with it: a wing knows no other.
    """
    try:
        look = subprocess.run(
            [sys.executable, "-P", "-m", "workers.gst.available"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LOOK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"GStreamer doesn't list its elements within {_LOOK_S:.0f} s"
    if look.returncode == 0:
        return None
    return (look.stderr.strip().splitlines() or ["GStreamer can't be looked at"])[-1]
