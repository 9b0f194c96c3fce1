"""Settings of what is told about a running system."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveFloat

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class MetricsSettings(BaseModel):
    """Figures for Prometheus and for screens. A gateway answers at `/metrics` of its own port."""

    port: Annotated[int, Field(ge=0, le=65_535, description="of a worker's own figures; 0: it tells none")] = 0
    host: Annotated[
        str, Field(description="address of that port; it asks nobody who he is, so keep strangers away from it")
    ] = "127.0.0.1"
    machine_s: Annotated[
        PositiveFloat, Field(description="a worker reads load, memory, heat and power of its machine this often")
    ] = 5.0
    stream_s: Annotated[PositiveFloat, Field(description="the stream of figures for screens tells this often")] = (
        2.0
    )


class TracingSettings(BaseModel):
    """Traces for OpenTelemetry; takes `framelane[tracing]`."""

    endpoint: Annotated[
        str,
        Field(
            pattern=r"^(https?://[^\s?#@]+)?$",
            description="collector that takes OTLP over HTTP, such as `http://collector:4318`; empty: no traces",
        ),
    ] = ""
    share: Annotated[float, Field(ge=0, le=1, description="of traces that begin here and are kept")] = 1.0
