"""Malformed requests to every operation, drawn from a seed, and what no answer to them may be."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from shared.msgpacked import packed

_TELLS = re.compile(
    r"Traceback|File \"|line \d+, in |/usr/|/home/|/root/|site-packages|\.py\b|redis://|0x[0-9a-f]{8,}|Errno|127\.0\.0\.1:\d"
)
"""What only somebody inside should know: paths, hosts, traces."""
_ODD: Sequence[Any] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**70, "", "a", "\x00", "é" * 50, "😀", "../../etc/passwd", "..%2f"),
    *("'; DROP", "${jndi:x}", "{{7*7}}", "a" * 5_000, [], {}, [[]], [None] * 20, {"": ""}, {"a": {"b": {"c": []}}}),
)  # fmt: skip
_TYPES = (
    *("application/json", "application/json; charset=utf-16", "multipart/form-data", "multipart/form-data; boundary=x"),
    *("text/plain", "application/x-www-form-urlencoded", "application/yaml", "application/msgpack", "", "a/b/c"),
    *("application/octet-stream", "image/png", "application/offset+octet-stream", "\x7f"),
)  # fmt: skip
_KINDS = (
    "inference",
    "pipeline",
    "model_download",
    "performance",
    "density",
    "optimize",
    "validate",
    "suite",
    "x",
)
_EXPRESS = 0.2
"""So many of the requests go the short way past the routes, which only some addresses and media types have."""
_PLAIN = ("application/json", "application/msgpack", "application/octet-stream")
_STREAMS = re.compile(r"/stream$|/events$|/metrics|/content$")


@dataclass
class Found:
    """How many there were of each status, and what was wrong: the request, and why."""

    statuses: dict[int, int] = field(default_factory=dict[int, int])
    faults: list[str] = field(default_factory=list[str])


def requests(client: httpx2.Client, document: dict[str, Any], seed: int, count: int) -> Iterator[httpx2.Request]:
    """Drawn alike for the same seed and OpenAPI document."""
    draw = random.Random(seed)
    operations = [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete", "head"} and not _STREAMS.search(path)
    ]
    for _ in range(count):
        if draw.random() < _EXPRESS:
            yield _express(client, draw)
            continue
        method, path = draw.choice(operations)
        filled = re.sub(r"\{[^}]+\}", lambda _: _segment(draw), path)
        query = "&".join(f"{_word(draw)}={_word(draw)}" for _ in range(draw.randrange(3)))
        headers = {"Content-Type": draw.choice(_TYPES), "Prefer": draw.choice(("", "wait=0", "wait=x", "wait=-1"))}
        if draw.random() < 0.3:
            headers[draw.choice(("Range", "If-Match", "Upload-Offset", "Upload-Length", "Idempotency-Key"))] = (
                "9" * 30
            )
        content = None if method in {"GET", "HEAD", "DELETE"} else _body(draw)
        yield client.build_request(
            method, f"{filled}?{query}" if query else filled, headers=headers, content=content
        )


def run(client: httpx2.Client, seed: int, count: int) -> Found:
    """Send them one after the other."""
    found, document = Found(), client.get("/openapi.json").json()
    for request in requests(client, document, seed, count):
        answer = client.send(request)
        found.statuses[answer.status_code] = found.statuses.get(answer.status_code, 0) + 1
        if why := _fault(answer):
            found.faults.append(f"{request.method} {request.url}: {why}")
    return found


def _express(client: httpx2.Client, draw: random.Random) -> httpx2.Request:
    """Jobs and questions for gestures, plain to look at, that are wrong inside."""
    path = draw.choice(("/api/v1/jobs", f"/api/v1/gestures/{draw.choice(('asl', 'lstm', 'x', 'é'))}/predict"))
    query = draw.choice(("", "", "?top_k=3", "?top_k=x", "?min_confidence=9", "?%ff", "?a=b"))
    headers = {"Content-Type": draw.choice(_PLAIN), "Prefer": draw.choice(("", "wait=0"))}
    return client.build_request("POST", path + query, headers=headers, content=_plain_body(draw))


def _plain_body(draw: random.Random) -> bytes:
    """Nearly a spec or a question, in JSON or msgpack or cut off or bent; or just bytes."""
    point = {"x": draw.choice((0.5, -1, 2**63, None, "0")), "y": 0.5, "z": 0}
    tensor = {
        "shape": draw.choice(([1, 63], [2**40, 63], [0], [-1, 63], "x")),
        "data": draw.choice((bytes(252), b"", "!")),
    }
    numbers = draw.choice((bytes(252), bytes(251), b"\xff" * 252, b"", 7, [point] * 21))
    told = draw.choice(
        (
            {
                "kind": draw.choice(_KINDS),
                "model": "asl",
                "inputs": [draw.choice(({"tensor": tensor}, {"landmarks": [point]}))],
            },
            {"kind": "inference", "model": draw.choice(_ODD), "inputs": draw.choice(_ODD)},
            {draw.choice(("landmarks", "sequence", "image", "x")): numbers},
            draw.choice(_ODD),
        )
    )
    match draw.randrange(4):
        case 0:
            return draw.randbytes(draw.choice((0, 1, 252, 258 * 4, 5_000)))
        case 1:
            return json.dumps(told, default=list).encode()
        case _:
            return _bent(_msgpack(told), draw)


def _msgpack(value: Any) -> bytes:
    try:
        return packed(value)
    except (OverflowError, ValueError):
        return b"\xcf" + b"\xff" * 8  # a number that is too large for it


def _bent(content: bytes, draw: random.Random) -> bytes:
    """As it is, cut off, with one byte changed, with more behind it, or inside a great many maps."""
    place = draw.randrange(len(content))
    return draw.choice(
        (
            content,
            content[:place],
            content[:place] + draw.randbytes(1) + content[place + 1 :],
            content + draw.randbytes(3),
            b"\x81\xa1a" * draw.randrange(1, 3_000) + content,
            b"\xdd\xff\xff\xff\xff" + content,
            b"\xc9\xff\xff\xff\xff" + content,
        )
    )


def _fault(answer: httpx2.Response) -> str | None:
    # A system without workers says so of what happens to be well formed.
    if answer.status_code >= 500 and "urn:framelane:error:device-unavailable" not in answer.text:
        return f"{answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        told = _TELLS.search(answer.text)
        if told:
            return f"it tells {told[0]!r}: {answer.text[:300]}"
        if answer.headers.get("content-type") != "application/problem+json":
            return f"no problem but {answer.headers.get('content-type')}"
    return None


def _segment(draw: random.Random) -> str:
    return draw.choice(
        ("asl", "x", "%00", "..%2f..%2fetc", "%ff", "é", "a" * 300, "00000000-0000-4000-8000-000000000000")
    )


def _word(draw: random.Random) -> str:
    return draw.choice(("limit", "cursor", "wait", "kind", "-1", "0", "%00", "999999999999", "true", "é", "a[]"))


def _body(draw: random.Random) -> bytes:
    match draw.randrange(6):
        case 0:
            return draw.randbytes(draw.randrange(200))
        case 1:
            return json.dumps(draw.choice(_ODD)).encode()[: draw.randrange(1, 6_000)]
        case 2:
            return (
                b'--x\r\nContent-Disposition: form-data; name="spec"\r\n\r\n'
                + draw.randbytes(20)
                + b"\r\n--x--\r\n"
            )
        case 3:
            return draw.choice((b"[", b'{"a":')) * draw.randrange(1, 5_000)
        case _:
            names = (
                "kind",
                "model",
                "inputs",
                "pipeline",
                "name",
                "models",
                "labels",
                "source",
                "upload",
                "reason",
            )
            made = {draw.choice(names): draw.choice(_ODD) for _ in range(draw.randrange(6))}
            return json.dumps({**made, "kind": draw.choice(_KINDS)}).encode()
