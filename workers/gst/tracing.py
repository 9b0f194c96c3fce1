"""GStreamer's latency tracer, made to speak to this process. Standard library only."""

import os
import sys
import threading

from workers.gst.latency import Latencies


class Trace:
    """To be made before GStreamer is initialised: it reads the environment then."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        level = os.environ.get("GST_DEBUG")
        os.environ["GST_DEBUG"] = f"{level},GST_TRACER:7" if level else "GST_TRACER:7"
        os.environ["GST_TRACERS"] = "latency(flags=pipeline)"
        os.environ["GST_DEBUG_FILE"] = f"/dev/fd/{self._writer}"

    def feed(self, latencies: Latencies) -> None:
        """From now on ``latencies`` hears every line; what isn't the tracer's goes to standard error."""
        threading.Thread(target=self._read, args=(latencies,), daemon=True, name="trace").start()

    def _read(self, latencies: Latencies) -> None:
        with os.fdopen(self._reader, "rb") as lines:
            for line in lines:
                if not latencies.hear(line) and b" GST_TRACER " not in line:
                    sys.stderr.buffer.write(line)
