"""The section of the settings that is about live sessions."""

from typing import Annotated

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt


class SessionSettings(BaseModel):
    """Live sessions: frames in, answers out."""

    in_flight: Annotated[
        int, Field(ge=2, le=64, description="frames of a session that run or wait; more, and the oldest goes")
    ] = 3
    frame_bytes: Annotated[int, Field(ge=4_096, le=64 * 1024 * 1024, description="largest frame")] = 1024 * 1024
    frames_per_s: Annotated[PositiveFloat, Field(description="of a session; more are refused")] = 120.0
    refusals: Annotated[PositiveInt, Field(description="refused frames in a row that end a connection")] = 600
    lost_s: Annotated[
        PositiveFloat, Field(description="a frame that has no answer after this is told as lost")
    ] = 5.0
    losses: Annotated[
        PositiveInt, Field(description="frames in a row, lost while they ran, that end a session")
    ] = 5
    idle_s: Annotated[
        PositiveFloat,
        Field(description="a session ends this long after its last frame; so long it can be resumed"),
    ] = 60.0
    lifetime_s: Annotated[PositiveFloat, Field(description="longest session")] = 3_600.0
    first_message_s: Annotated[
        PositiveFloat, Field(description="for who comes without `model` to say what is to be resumed")
    ] = 5.0
    answers_kept: Annotated[PositiveInt, Field(description="of a session, for a client that comes back")] = 64
    per_gateway: Annotated[PositiveInt, Field(description="sessions with a socket, of one gateway process")] = 256
    part_lines: Annotated[PositiveInt, Field(description="most lines of one file of a recorded session")] = 1_000
