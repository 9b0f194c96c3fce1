"""Pipeline jobs for tests, and whether this machine can run them."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from shared.graph.parser import parse
from shared.packing import PipelineTask
from shared.pipelines import Pipeline, Variant
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


def user_pipeline(pipeline_id: str) -> Pipeline:
    """One that somebody made, with a variant ``cpu``."""
    graph, at = parse(WHOLE), datetime(2026, 1, 2, tzinfo=UTC)
    variant = Variant(
        id="cpu",
        name="CPU",
        read_only=False,
        pipeline_graph=graph,
        pipeline_graph_simple=graph,
        created_at=at,
        modified_at=at,
    )
    fields = {"description": "", "source": "USER_CREATED", "tags": [], "created_at": at, "modified_at": at}
    return Pipeline.model_validate({"id": pipeline_id, "name": pipeline_id, "variants": [variant], **fields})
