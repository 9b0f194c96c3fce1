"""Settings of those who follow: WebSockets of a gateway."""

from typing import Annotated

from pydantic import BaseModel, Field, PositiveInt


class SocketSettings(BaseModel):
    """WebSockets."""

    compression: Annotated[
        bool, Field(description="per message; costs memory and processor time for each client of its own")
    ] = False
    buffer_bytes: Annotated[
        PositiveInt, Field(description="sent to one client and not taken yet; then its queue fills")
    ] = 16 * 1024
