"""MPEG transport streams: the form of a video that can be appended to itself."""

from collections.abc import Callable
from pathlib import Path

from shared.errors import PipelineFailed
from shared.graph.values import written
from workers.gst.limits import Limits
from workers.gst.request import Request, Stream
from workers.gst.supervise import run_pipeline

CODECS = ("h264", "h265")
"""What can be copied into one; other videos can be looped by ``Request.loop``."""

_SINK = "copy"


def transport_stream(
    path: Path,
    into: Path,
    codec: str | None = None,
    check: Callable[[], None] = lambda: None,
    limits: Limits | None = None,
) -> Path:
    """Copy the video of ``path`` to ``into``, without decoding it. Returns the path of the copy.

    ``codec``: one of CODECS; None: it is tried which. Raises PipelineFailed if the file holds no such video, and
    what ``check`` raises; then there is no copy.
    """
    tried = (codec,) if codec else CODECS
    faults: list[str] = []
    for each in tried:
        if each not in CODECS:
            raise PipelineFailed(f"a transport stream holds {' or '.join(CODECS)}, not {each}")
        try:
            _copy(path, into, each, check, limits or Limits())
        except BaseException as error:
            into.unlink(missing_ok=True)
            if not isinstance(error, PipelineFailed):
                raise
            faults.append(error.detail)
        else:
            return into
    raise PipelineFailed("; ".join(faults))


def _copy(path: Path, into: Path, codec: str, check: Callable[[], None], limits: Limits) -> None:
    text = (
        f"filesrc location={written('location', str(path))} ! parsebin ! video/x-{codec} ! {codec}parse "
        f"config-interval=-1 ! mpegtsmux ! filesink name={_SINK} location={written('location', str(into))}"
    )
    ended = run_pipeline(Request(text, (Stream(0, _SINK),)), cwd=into.parent, limits=limits, check=check)
    if not ended.streams[0].frames:
        raise PipelineFailed(f"no {codec} video was found")
