"""Operations on log levels as values."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from client.sdk.calls import API, Call
from shared.log_levels import LogLevels, NewLogLevels

_LEVELS = TypeAdapter(LogLevels)
_PATH = f"{API}/log-level"


def held() -> Call[LogLevels]:
    """Those that hold."""
    return Call("GET", _PATH, lambda _status, content: _LEVELS.validate_json(content))


def put(wanted: NewLogLevels | Mapping[str, Any]) -> Call[LogLevels]:
    """Let these hold."""
    body = NewLogLevels.model_validate(wanted).model_dump_json().encode()
    headers = {"Content-Type": "application/json"}
    return Call("PUT", _PATH, lambda _status, content: _LEVELS.validate_json(content), headers, body)
