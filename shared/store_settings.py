"""Sections of the settings that are about the stores."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveFloat, SecretStr


class RedisSettings(BaseModel):
    """The job store, the events and the broker."""

    url: Annotated[str, Field(description="may hold a password; never logged")] = "redis://127.0.0.1:6379/0"
    prefix: Annotated[str, Field(description="first part of every key and channel")] = "framelane"
    ca: Annotated[
        Path | None,
        Field(description="rediss: certificates that the server's must come from; default: the system's"),
    ] = None
    cert: Annotated[
        Path | None, Field(description="rediss: our own certificate, for servers that ask for one")
    ] = None
    key: Annotated[Path | None, Field(description="rediss: its key, if it isn't in the same file")] = None
    socket_timeout_s: Annotated[PositiveFloat, Field(le=5, description="of workers")] = 5.0
    connect_timeout_s: PositiveFloat = 1.0
    answer_s: Annotated[
        PositiveFloat,
        Field(le=5, description="a gateway answers 503 when the store told nobody anything for so long"),
    ] = 0.7
    durability: Annotated[
        Literal["written", "synced"],
        Field(
            description="what a 202 means: `written`: in Redis, on disk with its next sync "
            "(`appendfsync everysec`: up to about 1 s later); `synced`: on disk (waits for it)"
        ),
    ] = "written"


class BrokerSettings(BaseModel):
    """Celery's transport."""

    url: Annotated[str | None, Field(description="default: the job store's Redis")] = None
    events: Annotated[
        bool, Field(description="workers send Celery's own events, which Flower needs and which slow a fast lane")
    ] = False


class ArtifactSettings(BaseModel):
    """Where files go."""

    kind: Literal["local", "s3"] = "local"
    directory: Annotated[Path, Field(description="local: the folder")] = Path(".framelane/artifacts")
    endpoint: Annotated[str, Field(description="s3: host:port")] = ""
    public_url: Annotated[
        str, Field(pattern=r"^(https?://[^/?#@]+)?$", description="s3: as clients reach it; default: as we do")
    ] = ""
    bucket: str = "framelane"
    region: str = "us-east-1"
    secure: Annotated[bool, Field(description="s3: TLS")] = True
    ca: Annotated[
        Path | None, Field(description="s3: certificates that the server's must come from; default: the system's")
    ] = None
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    link_access_key: Annotated[
        str, Field(description="s3: signs download links; may do no more than read; empty: the other one does")
    ] = ""
    link_secret_key: SecretStr = SecretStr("")
    link_key: Annotated[SecretStr, Field(description="local: signs download links; the same on every gateway")] = (
        SecretStr("")
    )
    link_ttl_s: Annotated[int, Field(ge=1, le=900)] = 300
