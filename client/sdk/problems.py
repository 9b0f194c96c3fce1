"""What can go wrong for a caller.

ClientError
├─ ApiProblem            the gateway answered with a problem
│  └─ NothingDetected    a photo shows no hand or person
├─ ConnectionFailed      nobody answers, or not like a gateway
└─ WaitTimeout           the job hadn't ended within the time the caller gave
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from shared.jobs import Job

_URN = "urn:framelane:error:"


class ClientError(Exception):
    """Something a caller can expect; its text is made for people."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One rule that the request breaks: a JSON pointer into it, and what is wrong there."""

    pointer: str
    message: str


class ApiProblem(ClientError):
    """The gateway refused. ``retry_after_s`` is set when it said that trying again later can help."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: tuple[BrokenRule, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s
        super().__init__(self._text())

    def _text(self) -> str:
        said = self.detail if self.detail and self.detail != self.title else ""
        rules = [f"{rule.pointer or '/'}: {rule.message}" for rule in self.errors]
        lines = [": ".join(part for part in (self.title, "" if rules else said) if part), *rules]
        return "\n  ".join(lines) + f" ({self.status} {self.code})"


class NothingDetected(ApiProblem):
    """The photo shows no hand, or no person."""


class ConnectionFailed(ClientError):
    """Nobody answers at the address."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(
            f"no gateway answers at {url} ({reason}); start one with `framelane up`, "
            "or name another with --url or FRAMELANE_URL"
        )


class WaitTimeout(ClientError):
    """The job goes on; ``job`` is how it was at last."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"job {job.id} is still {job.state}; it goes on, wait for it again or cancel it")


def problem_of(status: int, headers: Mapping[str, str], content: bytes | bytearray) -> ApiProblem:
    """The problem in an answer of 400 or more, also when it wasn't written by a gateway."""
    try:
        parsed: Any = json.loads(content)
    except ValueError:
        parsed = None
    body = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
    code = str(body.get("type", "")).removeprefix(_URN) or f"http-{status}"
    kind = NothingDetected if code == "nothing-detected" else ApiProblem
    return kind(
        status=status,
        code=code,
        title=str(body.get("title") or f"The server answered {status}"),
        detail=str(body.get("detail") or content[:200].decode("utf-8", errors="replace")),
        errors=tuple(
            BrokenRule(str(rule.get("pointer", "")), str(rule.get("message", "")))
            for rule in body.get("errors") or ()
        ),
        retry_after_s=_seconds(headers.get("retry-after")),
    )


def reason(error: Exception) -> str:
    """What a failed connection says of itself, in a few words."""
    return str(error) or type(error).__name__


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isdecimal() else None
