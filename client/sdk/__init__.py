"""The gateway for Python programs: ``Framelane`` blocks, ``AsyncFramelane`` is awaited."""

from client.sdk.awaitable import AsyncFramelane
from client.sdk.blocking import Framelane
from client.sdk.problems import ApiProblem, BrokenRule, ClientError, ConnectionFailed, NothingDetected, WaitTimeout

__all__ = [
    "ApiProblem",
    "AsyncFramelane",
    "BrokenRule",
    "ClientError",
    "ConnectionFailed",
    "Framelane",
    "NothingDetected",
    "WaitTimeout",
]
