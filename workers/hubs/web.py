"""Files at https addresses."""

import ssl
from pathlib import Path

import httpx2

from shared.errors import SourceUnavailable
from shared.sources import UrlSource
from workers.hubs import FILE_LIMIT, Meter

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
"""Of silence; the whole transfer is bounded by the job's own timeout."""

_REDIRECTS = 5
_CHUNK = 1 << 18


class WebHub:
    """Trusts what the machine trusts (``SSL_CERT_FILE`` names another file of certificates)."""

    def fetch(self, source: UrlSource, target: Path, meter: Meter) -> None:
        """See the port. Redirections must stay with https."""
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            with (
                httpx2.Client(
                    verify=ssl.create_default_context(),
                    timeout=timeout,
                    follow_redirects=True,
                    max_redirects=_REDIRECTS,
                    event_hooks={"request": [_only_https]},
                    headers={"Accept-Encoding": "identity"},
                ) as client,
                client.stream("GET", source.url) as response,
            ):
                response.raise_for_status()
                _save(response, target, meter)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise SourceUnavailable(f"{source.url}: {str(error) or type(error).__name__}") from error


def _only_https(request: httpx2.Request) -> None:
    if request.url.scheme != "https":
        raise SourceUnavailable(f"{request.url}: not an https address")


def _save(response: httpx2.Response, target: Path, meter: Meter) -> None:
    announced = response.headers.get("Content-Length", "")
    total = int(announced) if announced.isdecimal() else None
    _require_small(response, total or 0)
    done = 0
    with target.open("wb") as file:
        for chunk in response.iter_bytes(_CHUNK):
            done += len(chunk)
            _require_small(response, done)
            file.write(chunk)
            meter.transferred(done, total)


def _require_small(response: httpx2.Response, size: int) -> None:
    if size > FILE_LIMIT:
        raise SourceUnavailable(f"{response.url}: more than {FILE_LIMIT} bytes")
