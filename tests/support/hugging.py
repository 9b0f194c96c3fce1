"""A hub that answers as Hugging Face's does: metadata on the way, large files from another host."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.https import Answer, http_server, redirect

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """``asked``: what came, as (method, path, authorization)."""

    url: str = ""
    store: str = ""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list[tuple[str, str, str | None]])


@contextmanager
def hugging_face(files: Mapping[str, Answer], sums: Mapping[str, str]) -> Iterator[Hub]:
    """Serve ``files`` by repository, revision and path; those with a sum are large ones."""
    hub = Hub()

    def noted(path: str, answer: Answer) -> Answer:
        def noting(request: BaseHTTPRequestHandler) -> None:
            hub.asked.append((request.command, path, request.headers["Authorization"]))
            answer(request)

        return noting

    def resolving(path: str, answer: Answer) -> Answer:
        def resolve(request: BaseHTTPRequestHandler) -> None:
            plain = request.send_response

            def send_response(code: int, message: str | None = None) -> None:
                plain(code, message)
                request.send_header("X-Repo-Commit", COMMIT)
                if path in sums:
                    request.send_header("X-Linked-Etag", f'"{sums[path]}"')

            request.send_response = send_response  # type: ignore[method-assign]
            (redirect(f"{hub.store}/blobs/{path}") if path in sums else answer)(request)

        return noted(path, resolve)

    blobs = {f"/blobs/{path}": noted(f"blob {path}", answer) for path, answer in files.items()}
    with http_server(blobs, "127.0.0.2") as store:
        hub.store = store
        with http_server({f"/{path}": resolving(path, answer) for path, answer in files.items()}) as url:
            hub.url = url
            yield hub
