"""What keeps a live session, or one of its frames, from going on.

SessionError
├─ SessionNotFound
├─ SessionTaken              another connection has it now
├─ SessionIdle
├─ SessionOver               its lifetime is up
├─ TooManySessions
└─ FramesLost                its frames are lost again and again
FrameRefused
├─ FrameTooLarge
├─ FrameUnreadable
└─ FramesTooFast
"""

from shared.errors import FramelaneError


class SessionError(FramelaneError):
    """The session can't go on."""

    code = "session-error"


class SessionNotFound(SessionError):
    """There is no such session, or the token is another's."""

    code = "session-not-found"


class SessionTaken(SessionError):
    """Another connection has the session now."""

    code = "session-taken"


class SessionIdle(SessionError):
    """No frame came for too long."""

    code = "session-idle"


class SessionOver(SessionError):
    """The session's time is up."""

    code = "session-over"


class TooManySessions(SessionError):
    """This gateway has as many sessions as it takes."""

    code = "too-many-sessions"
    retryable = True


class FramesLost(SessionError):
    """Frames of the session are lost again and again."""

    code = "frames-lost"


class FrameRefused(FramelaneError):
    """The frame isn't taken."""

    code = "frame-refused"
    meta = '"frame":null'
    """Members of an answer that name the frame, as far as it could be read."""


class FrameTooLarge(FrameRefused):
    """The frame is too large."""

    code = "frame-too-large"


class FrameUnreadable(FrameRefused):
    """The message isn't a frame."""

    code = "frame-unreadable"


class FramesTooFast(FrameRefused):
    """Frames come too fast."""

    code = "frames-too-fast"
    retryable = True


NOT_TAKEN = "no worker took it in time: the lane is too busy, its device is leased, or it has no worker"
NOT_FINISHED = "its worker didn't answer in time: it died, or works too slowly"
