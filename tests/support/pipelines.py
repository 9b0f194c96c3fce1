"""Pipeline jobs for tests, and whether this machine can run them."""

from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from shared.graph.parser import parse
from shared.packing import PipelineTask
from shared.ports import NewJob
from workers.gst.available import NoGStreamer, available

WHOLE = "filesrc location=bikes ! decodebin3 ! videoconvert ! fakesink name=default_output_sink sync=false"
ENDLESS = "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=20/1 ! fakesink"


@cache
def why_not() -> str:
    """Why no pipeline can be run here; empty if one can."""
    try:
        available()
    except NoGStreamer as error:
        return error.detail
    return ""


def needs_gstreamer() -> pytest.MarkDecorator:
    """Of a test that runs pipelines."""
    return pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


def task(text: str, **fields: Any) -> PipelineTask:
    """``text`` as an accepted job."""
    return PipelineTask(pipeline_id="test", graph=parse(text), **fields)


def new_job(text: str, lane: str = "cpu.long", **fields: Any) -> NewJob:
    """The same, about to be kept."""
    return NewJob(id=str(uuid4()), task=task(text, **fields), lane=lane, fingerprint="-")
