"""What follows from a try. Pure, but for chance."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.settings import CallbackSettings

LONGEST_PAUSE_S = 4 * 3_600.0

_GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: the status, and its Retry-After in seconds if there was one."""

    status: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there was none, as a sentence that its owner may read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``error``: None if it was delivered; ``again_in_s``: None if no further try follows."""

    error: str | None = None
    again_in_s: float | None = None


def judge(
    settings: CallbackSettings,
    tried: int,
    age_s: float,
    said: Answer | NoAnswer,
    chance: Callable[[], float] = random.random,
) -> Verdict:
    """What becomes of a message that was tried ``tried`` times before, ``age_s`` after the job's end.

    410 ends the delivery of this message only: other jobs may name the same URL and say so themselves.
    """
    match said:
        case Answer(status) if 200 <= status < 300:  # noqa: PLR2004 - a class of statuses
            return Verdict()
        case Answer(status):
            redirect = 300 <= status < 400  # noqa: PLR2004  a class of statuses
            error = f"status {status}" + (", a redirect, which isn't followed" if redirect else "")
        case NoAnswer(reason):
            error = reason
    gone = isinstance(said, Answer) and said.status == _GONE
    if gone or age_s >= settings.patience_s:
        return Verdict(error)
    pause = pause_s(settings.first_pause_s, tried, chance())
    if isinstance(said, Answer) and said.retry_after_s is not None:
        pause = max(pause, min(said.retry_after_s, LONGEST_PAUSE_S))
    # The last try is at the end of the patience, not a pause before it.
    return Verdict(error, min(pause, settings.patience_s - age_s))


def pause_s(first_s: float, tried: int, chance: float) -> float:
    """After try number ``tried`` (from 0): ``first_s`` tripled each time, four hours at most, less up to a third.

    ``chance`` in [0, 1) spreads those that failed together.
    """
    return min(first_s * 3.0 ** min(tried, 30), LONGEST_PAUSE_S) * (1 - chance / 3)


def read_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for; None if it is missing, past or can't be read."""
    if value is None:
        return None
    if value.strip().isdecimal() and value.isascii():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    return seconds if seconds > 0 else None
