"""What every spec of a job has, and the names and devices they speak of."""

from typing import Annotated

from pydantic import Discriminator, Field, FiniteFloat, Tag
from pydantic_core import PydanticCustomError

from shared.devices import AUTO, DeviceRequest
from shared.inputs import Wire

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ModelName = Annotated[
    str, Field(min_length=1, max_length=117, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:@[0-9a-f]{16})?$")
]
InputName = Annotated[
    str, Field(min_length=1, max_length=107, pattern=r"^(?:camera:)?[A-Za-z0-9][A-Za-z0-9._-]*$")
]
UploadId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="of a finished upload: `POST /uploads` begins one",
    ),
]
Label = Annotated[str, Field(max_length=200)]
CallbackUrl = Annotated[
    str, Field(min_length=9, max_length=2_000, pattern=r"^https?://[^\s/?#@]+(?:[/?][^\s#]*)?$")
]


class CommonSpec(Wire):
    """Fields of every kind of job."""

    device: DeviceRequest = AUTO
    priority: Annotated[int, Field(strict=True, ge=0, le=9, description="0 lowest, 9 highest")] = 5
    timeout_s: Annotated[
        FiniteFloat | None, Field(strict=True, gt=0, le=86_400, description="longest an attempt may run")
    ] = None
    expires_s: Annotated[
        FiniteFloat | None,
        Field(strict=True, gt=0, le=604_800, description="fails with `expired` if not started by then"),
    ] = None
    max_attempts: Annotated[int, Field(strict=True, ge=1, le=10)] = 3
    callback_url: Annotated[CallbackUrl | None, Field(description="gets the terminal event, signed, by POST")] = (
        None
    )
    retention_s: Annotated[
        FiniteFloat | None,
        Field(strict=True, ge=1, le=31_536_000, description="kept this long after its end; default: a setting"),
    ] = None
    labels: Annotated[dict[Annotated[str, Field(min_length=1, max_length=63)], Label], Field(max_length=16)] = (
        Field(default_factory=dict[str, str])
    )


def no_accelerator(device: str) -> str:
    """Raises PydanticCustomError for a device other than the CPU."""
    if device not in {AUTO, "CPU"}:
        raise PydanticCustomError("device", "such jobs are bound to no device; leave it out, or use AUTO or CPU")
    return device


def _form(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "name"


SourceInput = Annotated[
    Annotated[InputName, Tag("name")]
    | Annotated[list[InputName], Field(min_length=1, max_length=64), Tag("list")],
    Discriminator(_form),
]
"""What stands for a source: one name for all streams, or a list of them."""
