"""The section of the settings that is about pipelines."""

from typing import Annotated

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, SecretStr, field_validator

from shared.cameras import CameraName, CameraSettings, RtspAddress


class PipelineSettings(BaseModel):
    """What a pipeline may have in it, and what its simple view shows."""

    allow: Annotated[
        list[str],
        Field(description="elements and properties (`element.property`) beside the shipped list; globs"),
    ] = []
    inactivity_s: Annotated[
        PositiveFloat, Field(description="a pipeline that moves no frame for so long is ended")
    ] = 120.0
    memory_bytes: Annotated[
        int, Field(ge=0, description="address space of a pipeline's process; 0: as the worker")
    ] = 0
    open_files: Annotated[PositiveInt, Field(description="of a pipeline's process")] = 1_024
    stop_s: Annotated[
        PositiveFloat, Field(le=10, description="for a pipeline to finish its files when it is stopped")
    ] = 5.0
    cameras: Annotated[
        dict[CameraName, CameraSettings],
        Field(
            description='JSON, the same on gateways and workers: `{"door": {"url": "rtsp://user:password@host/"}, '
            '"desk": {"device": "/dev/video0"}}`; pipelines call them `camera:door`'
        ),
    ] = {}
    live_server: Annotated[
        SecretStr,
        Field(
            description="RTSP server that live streams are published to, as workers reach it: `rtsp://host:8554`, "
            "with or without a login; none: no live streams"
        ),
    ] = SecretStr("")
    live_public: Annotated[
        str, Field(description="the same server as players reach it; default: as workers do, without the login")
    ] = ""
    simple_visible: Annotated[list[str], Field(description="element types a person edits; globs")] = [
        "*src",
        "urisourcebin",
        "gva*",
        "*sink",
        "source",
    ]
    simple_omitted: Annotated[list[str], Field(description="of those, what isn't shown all the same; globs")] = [
        "gvafpscounter",
        "gvametapublish",
        "gvametaconvert",
        "gvawatermark",
    ]

    @field_validator("live_server", "live_public")
    @classmethod
    def _addresses(cls, value: SecretStr | str) -> SecretStr | str:
        text = value if isinstance(value, str) else value.get_secret_value()
        if text:
            RtspAddress.of(text)
        return value
