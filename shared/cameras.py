"""Cameras that an operator names in the settings. Who runs a pipeline knows their names only."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, SecretStr, StringConstraints, model_validator

CameraName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
CameraKind = Literal["network", "usb"]

_DEVICE = re.compile(r"/dev/(?:v4l/by-(?:id|path)/[A-Za-z0-9._:+-]+|video\d{1,3})\Z")


class RtspAddress(BaseModel):
    """An RTSP address apart from its login, so that it can be told. ``password`` and ``user`` are as typed."""

    model_config = ConfigDict(frozen=True)

    url: str
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError, which doesn't repeat the text: it may hold a password."""
        try:
            parts = urlsplit(text.strip())
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts, port = None, ""
        if parts is None or parts.scheme not in {"rtsp", "rtsps"} or not parts.hostname:
            msg = "must be an address that begins with rtsp:// or rtsps:// and names a host"
            raise ValueError(msg)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        url = parts._replace(netloc=host + port, fragment="").geturl()
        return cls(url=url, user=unquote(parts.username or ""), password=unquote(parts.password or ""))

    @property
    def secrets(self) -> list[str]:
        """What no message may repeat, longest first."""
        said = {self.password, quote(self.password, safe="")} - {""}
        return sorted(said, key=len, reverse=True)


class CameraSettings(BaseModel):
    """One camera: ``url`` or ``device``. A device is on the worker's machine and is read by one run at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(default=None, description="rtsp:// or rtsps://, with or without a login")
    device: str | None = Field(default=None, description="/dev/video<n> or a link in /dev/v4l")
    codec: Literal["h264", "h265", "mjpeg"] | None = Field(
        default=None, description="lets a GPU's decoder be chosen before the camera is asked"
    )
    transport: Literal["tcp", "udp", "auto"] = "tcp"
    latency_ms: NonNegativeInt = Field(default=100, le=60_000, description="time that late packets are waited for")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.device is None):
            msg = "a camera has either a url or a device"
            raise ValueError(msg)
        if self.url is not None:
            RtspAddress.of(self.url.get_secret_value())
        if self.device is not None and not _DEVICE.match(self.device):
            msg = "device must be /dev/video<n> or a link in /dev/v4l/by-id or by-path"
            raise ValueError(msg)
        return self

    @property
    def kind(self) -> CameraKind:
        """How it is read."""
        return "usb" if self.url is None else "network"

    @property
    def address(self) -> RtspAddress | None:
        """Of a network camera."""
        return None if self.url is None else RtspAddress.of(self.url.get_secret_value())
