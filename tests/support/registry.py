"""Pipelines as clients write them, and what the gateway says to that."""

import base64
from typing import Any

import httpx2

PIPELINES = "/api/v1/pipelines"
TEXT = "filesrc location=bikes ! decodebin3 ! gvadetect model=person-ssdlite ! gvawatermark ! fakesink"
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "0", "type": "videotestsrc", "data": {}},
        {"id": "1", "type": "queue", "data": {}},
        {"id": "2", "type": "fakesink", "data": {}},
    ],
    "edges": [{"id": "0", "source": "0", "target": "1"}, {"id": "1", "source": "1", "target": "2"}],
}
FOREIGN = {
    **GRAPH,
    "nodes": [{"id": "0", "type": "filesrc", "data": {"location": "/etc/passwd"}}, *GRAPH["nodes"][1:]],
}
YARD: dict[str, Any] = {
    "name": "Yard & Gate",
    "description": "What goes on there",
    "tags": ["Outside"],
    "variants": [{"name": "CPU", "pipeline_description": TEXT}],
}
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


def told(answer: httpx2.Response, status: int, code: str = "invalid-spec") -> dict[str, str]:
    """What a problem says, by pointer."""
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:framelane:error:{code}"), answer.text
    return {error["pointer"]: error["message"] for error in answer.json().get("errors", [])}


async def made(client: httpx2.AsyncClient, **changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A new pipeline, and the header to change it with."""
    answer = await client.post(PIPELINES, json=YARD | changes)
    assert answer.status_code == 201, answer.text
    return answer.json(), {"If-Match": answer.headers["etag"]}
