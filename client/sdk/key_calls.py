"""Operations on API keys as values."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from client.sdk.calls import API, Call
from shared.access import KeyView
from shared.new_keys import NewKey
from shared.predictions import Answer


class MadeKey(Answer):
    """A new key and its token, which nobody can tell again."""

    key: KeyView
    token: str


class _Keys(Answer):
    keys: list[KeyView]


_MADE, _LIST = TypeAdapter(MadeKey), TypeAdapter(_Keys)


def create(new: NewKey | Mapping[str, Any]) -> Call[MadeKey]:
    """Make a key."""
    body = NewKey.model_validate(new).model_dump_json().encode()
    headers = {"Content-Type": "application/json"}
    return Call("POST", f"{API}/keys", lambda _status, content: _MADE.validate_json(content), headers, body)


def listed() -> Call[list[KeyView]]:
    """Those that the caller may see."""
    return Call("GET", f"{API}/keys", lambda _status, content: _LIST.validate_json(content).keys)


def revoke(key_id: str) -> Call[None]:
    """It isn't served any more, within seconds."""
    return Call("DELETE", f"{API}/keys/{quote(key_id, safe='')}", lambda _status, _content: None)
