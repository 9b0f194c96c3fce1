"""One trace from the request to the attempt, to a collector that takes OTLP over HTTP."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared import tracing
from shared.errors import StoreUnavailable
from shared.ports import NewJob
from shared.results import DownloadResult
from shared.settings import Settings, TracingSettings
from shared.specs import ModelDownloadSpec
from tests.support.gateway import SPEC, House, calling
from tests.support.workshop import DONE, Workshop
from workers.context import JobContext

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Collector:
    """What was sent to it."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found.spans += scope.spans
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_told: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        found.endpoint = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        server.shutdown()


@contextmanager
def sending(collector: Collector, share: float = 1.0) -> Iterator[None]:
    end = tracing.begin(TracingSettings(endpoint=collector.endpoint, share=share), "test")
    try:
        yield
    finally:
        end()


def test_without_a_collector_nothing_is_made() -> None:
    end = tracing.begin(TracingSettings(), "test")
    with tracing.span("nothing"):
        tracing.note({"a": 1})
        assert tracing.traceparent() is None
        assert tracing.traceparent(CALLER) == CALLER
    assert not tracing.on()
    end()


def test_spans_inside_and_from_far_are_of_one_trace(collector: Collector) -> None:
    with sending(collector), tracing.span("request", "server", parent=CALLER):
        travels = tracing.traceparent()
        with tracing.span("inside", values={"framelane.kind": "inference"}):
            tracing.note({"more": 7})
        threading.Thread(target=lambda: far(travels)).start()
    request, inside = collector.named("request"), collector.named("inside")
    assert request.trace_id.hex() == TRACE
    assert (inside.trace_id, inside.parent_span_id) == (request.trace_id, request.span_id)
    assert {one.key for one in inside.attributes} == {"framelane.kind", "more"}


def far(travels: str | None) -> None:
    with tracing.span("far", parent=travels):
        """Elsewhere."""


def test_a_later_attempt_is_linked_to_the_one_before(collector: Collector) -> None:
    with sending(collector):
        for fence in (1, 2):
            link = tracing.attempt_id("job", fence - 1) if fence > 1 else None
            own = tracing.attempt_id("job", fence)
            with tracing.span(f"attempt {fence}", parent=CALLER, span_id=own, link=link), tracing.span("within"):
                """Its own spans have numbers of their own."""
    first, second = collector.named("attempt 1"), collector.named("attempt 2")
    assert [link.span_id for link in second.links] == [first.span_id]
    assert [link.trace_id.hex() for link in second.links] == [TRACE]
    assert not first.links
    assert len({span.span_id for span in collector.spans}) == 4


def test_an_error_marks_its_span(collector: Collector) -> None:
    with sending(collector), pytest.raises(ValueError, match="no"), tracing.span("fails"):
        raise ValueError("no")
    assert collector.named("fails").status.code == 2


def test_a_share_of_none_sends_none_but_what_others_began(collector: Collector) -> None:
    with sending(collector, share=0.0):
        with tracing.span("own"):
            """Not kept."""
        with tracing.span("theirs", parent=CALLER):
            """Kept: who began it decides."""
    assert [span.name for span in collector.spans] == ["theirs"]


def test_a_collector_that_is_away_hinders_nobody() -> None:
    end = tracing.begin(TracingSettings(endpoint="http://127.0.0.1:9"), "test")
    with tracing.span("lost"):
        assert tracing.on()
    end()


async def test_a_request_hands_its_trace_to_its_job(collector: Collector) -> None:
    house = House(Settings(tracing=TracingSettings(endpoint=collector.endpoint)))
    async with calling(house) as client:
        created = await client.post("/api/v1/jobs", json=SPEC, headers={"traceparent": CALLER})
        claim = house.claim(created.json()["id"])
    request = collector.named("POST /api/v1/jobs")
    assert request.trace_id.hex() == TRACE
    assert claim.headers["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert {one.key for one in request.attributes} >= {"http.route", "framelane.request_id"}


async def test_an_attempt_and_its_repetition_are_of_the_requests_trace(
    collector: Collector, tmp_path: Path
) -> None:
    tries = iter([StoreUnavailable("away"), None])

    def work(_context: JobContext) -> DownloadResult:
        if error := next(tries):
            raise error
        return DONE

    shop = Workshop(tmp_path, work)
    task = ModelDownloadSpec(models=["tiny"])
    await shop.front.create(NewJob("job", task, "io", fingerprint="f", headers={"traceparent": CALLER}))
    with sending(collector):
        await asyncio.to_thread(shop.runner.run, "job")
        await asyncio.to_thread(shop.runner.run, "job")
    first, second = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    assert {span.trace_id.hex() for span in (first, second)} == {TRACE}
    assert [link.span_id for link in second.links] == [first.span_id]
    assert first.name == second.name == "job model_download"
