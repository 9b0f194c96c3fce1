"""The process that runs one pipeline: ``python -m workers.gst.child REPORT_FD``, started by ``supervise.py``.

It reads what to do as one line of JSON from its standard input, where another line (or its end) means stop, and
tells what happens as lines of JSON on REPORT_FD. Standard library and gi only, so that it starts quickly and knows
nothing of ours.
"""

import json
import os
import sys
import threading
from importlib import import_module
from typing import Any

from workers.gst import gi_path
from workers.gst.faults import Fault, element_in
from workers.gst.publishing import end_in_time
from workers.gst.request import Request, from_line
from workers.gst.run import Run
from workers.gst.tracing import Trace


class Report:
    """The way to the parent. Lines of several threads don't mix."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def say(self, type_: str, **rest: object) -> None:
        """Returns when the pipe has the whole line."""
        line = json.dumps({"type": type_, **rest}).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._descriptor, line) :]


def main() -> int:
    """Run what is asked for. The status is 0 if the pipeline came to an end, else 1, its error told."""
    report = Report(int(sys.argv[1]))
    request, limits = from_line(sys.stdin.buffer.readline())
    limits.apply()
    trace = Trace() if request.latency else None
    try:
        gst = gi_path.load()
    except gi_path.GStreamerMissing as error:
        return _failed(report, Fault(str(error), phase="start"))
    gst.init([])
    pipeline = _built(gst, request)
    if isinstance(pipeline, Fault):
        return _failed(report, pipeline)
    end_in_time(gst, pipeline)
    return Run(gst, pipeline, request, limits.stop_s, report.say, trace).to_the_end()


def _built(gst: gi_path.Gst, request: Request) -> Any:
    """The pipeline, or the Fault in its text."""
    if request.plugins:
        import_module("workers.gst.elements").register(gst)
    try:
        pipeline = gst.parse_launch_full(request.text, None, gst.ParseFlags.FATAL_ERRORS)
    except import_module("gi.repository.GLib").Error as error:
        return Fault(error.message, element=element_in(error.message), domain=error.domain, code=error.code)
    if not isinstance(pipeline, gst.Pipeline):
        alone, pipeline = pipeline, gst.Pipeline.new("pipeline")
        pipeline.add(alone)
    for stream in request.streams:
        if pipeline.get_by_name(stream.sink) is None:
            return Fault("no element has this name", element=stream.sink, phase="parse")
    return pipeline


def _failed(report: Report, fault: Fault) -> int:
    report.say("error", **fault.told())
    return 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The interpreter's and the libraries' own goodbyes may crash or hang; all that matters is written.
    os._exit(status)
