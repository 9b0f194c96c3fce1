"""The part of tracing that needs OpenTelemetry's libraries. Only ``shared.tracing`` imports it, when asked for."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from typing_extensions import override

from shared.observing_settings import TracingSettings
from shared.spans import HEADER, Kind, Values

_EXPORT_S = 5
_KINDS = {
    "server": trace.SpanKind.SERVER,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
    "internal": trace.SpanKind.INTERNAL,
}
_NEXT: ContextVar[int | None] = ContextVar("next_span_id", default=None)
_FORMAT = TraceContextTextMapPropagator()


class _Ids(RandomIdGenerator):
    """Gives the number that is asked for, else any."""

    @override
    def generate_span_id(self) -> int:
        return _NEXT.get() or super().generate_span_id()


class Exporter:
    """One per process. Spans are sent in batches from a thread of its own; a collector that is down loses them."""

    def __init__(self, settings: TracingSettings, process: str) -> None:
        about = {
            "service.name": "framelane",
            "service.version": version("framelane"),
            "framelane.process": process,
        }
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource.create(about),
            id_generator=_Ids(),
            shutdown_on_exit=False,
        )
        to = OTLPSpanExporter(endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(to, schedule_delay_millis=1_000))
        self._tracer = self._provider.get_tracer("framelane")

    @contextmanager
    def span(
        self, name: str, kind: Kind, parent: str | None, values: Values, span_id: int | None, link: int | None
    ) -> Generator[None]:
        """See ``shared.tracing``."""
        context = Context() if parent is None else _FORMAT.extract({HEADER: parent}, Context())
        if parent is None and trace.get_current_span().get_span_context().is_valid:
            context = None
        own = _NEXT.set(span_id)
        try:
            made = self._tracer.start_span(
                name, context, _KINDS[kind], attributes=dict(values), links=_links(context, link)
            )
        finally:
            _NEXT.reset(own)
        with trace.use_span(made, end_on_exit=True):
            yield

    def note(self, values: Values, name: str) -> None:
        """See ``shared.tracing``."""
        around = trace.get_current_span()
        around.set_attributes(dict(values))
        if name:
            around.update_name(name)

    def traceparent(self) -> str | None:
        """See ``shared.tracing``."""
        carrier: dict[str, str] = {}
        _FORMAT.inject(carrier)
        return carrier.get(HEADER)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _links(context: Context | None, span_id: int | None) -> list[trace.Link]:
    around = trace.get_current_span(context).get_span_context()
    if span_id is None or not around.is_valid:
        return []
    return [
        trace.Link(trace.SpanContext(around.trace_id, span_id, is_remote=True, trace_flags=around.trace_flags))
    ]
