"""A gateway that notes, every millisecond of processor time, which part of it works.

Started by ``benchmarks.hot_path``: SIGUSR1 begins anew, SIGUSR2 writes what was noted to the file that
``FRAMELANE_SAMPLES`` names. C code counts to the Python line that called it.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from api.main import main

_EVERY_S = 0.001

_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "HTTP and middleware",
        (
            "/uvicorn/",
            "api/middleware",
            "api/headers",
            "api/express",
            "api/shortcut",
            "api/connection",
            "/starlette/middleware/",
            "shared/telemetry",
        ),
    ),
    ("routing, dependencies", ("/fastapi/", "/starlette/", "api/dependencies")),
    (
        "validation, packing",
        (
            "routes/gestures.py:_one",
            "routes/gestures.py:_question",
            "services/questions",
            "services/plain",
            "services/documents",
            "services/prepare",
            "services/rules",
            "shared/packing",
        ),
    ),
    ("admission, lane", ("services/lanes", "services/models", "shared/routing", "shared/needs")),
    ("record, message", ("redis_jobs/calls", "redis_jobs/codec", "adapters/records", "celery_envelope")),
    (
        "store's connection",
        (
            "/redis/",
            "adapters/redis_connection",
            "adapters/redis_wire",
            "redis_jobs/front",
            "redis_jobs/gathering",
        ),
    ),
    ("events", ("api/hub", "services/follow", "adapters/redis_events", "adapters/redis_subscription")),
    ("acceptance", ("services/submit", "services/intake", "services/courier")),
    ("answer", ("api/views", "api/routes/", "api/problems")),
    ("event loop", ("/asyncio/", "/uvloop/", "/anyio/")),
)

_noted: Counter[tuple[str, str]] = Counter()
_begun = 0.0


def _part_of(frame: FrameType | None) -> tuple[str, str]:
    """The part of the innermost frame that belongs to one, and the function there."""
    while frame is not None:
        name = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
        for part, places in _PARTS:
            if any(place in name for place in places):
                return part, f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}:{frame.f_lineno}"
        frame = frame.f_back
    return "other", ""


def _note(_signal: int, frame: FrameType | None) -> None:
    _noted[_part_of(frame)] += 1


def _begin(_signal: int, _frame: FrameType | None) -> None:
    global _begun  # noqa: PLW0603  a signal handler has no other place
    _noted.clear()
    _begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)


def _end(_signal: int, _frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    told = {
        "cpu_s": time.process_time() - _begun,
        "noted": [[part, where, count] for (part, where), count in _noted.items()],
    }
    path = Path(os.environ["FRAMELANE_SAMPLES"])
    path.with_suffix(".new").write_text(json.dumps(told), "utf-8")
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _note)
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _end)
    main(sys.argv[1:])
