"""How a client says who it is."""

import os
from collections.abc import Generator, Mapping
from pathlib import Path

import httpx2
from typing_extensions import override

VARIABLE = "FRAMELANE_API_KEY"


class Credentials(httpx2.Auth):
    """A key or token, shown to the gateway alone and never in a text about this object."""

    def __init__(self, token: str, origin: str) -> None:
        self._token = token
        self._host = httpx2.URL(origin)

    @property
    def headers(self) -> Mapping[str, str]:
        """For what isn't sent by httpx2; empty without a key."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    @override
    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        ours = (self._host.scheme, self._host.host, self._host.port)
        if self._token and (request.url.scheme, request.url.host, request.url.port) == ours:
            request.headers.update(self.headers)
        yield request

    @override
    def __repr__(self) -> str:
        return f"Credentials({'***' if self._token else 'none'})"


def key_of(given: str | None) -> str:
    """The key that was given, else the one of the environment; empty where there is none."""
    return (os.environ.get(VARIABLE, "") if given is None else given).strip()


def read_key(path: Path) -> str:
    """The key in a file, without what stands around it. Raises OSError."""
    return path.read_text("utf-8").strip()
