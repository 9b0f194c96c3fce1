"""Specs in msgpack: what JSON and multipart say, without base64 and boundaries."""

import base64
import io
import json
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from shared.msgpacked import packed
from tests.support.gateway import HAND, SPEC, House

JOBS = "/api/v1/jobs"
MSGPACK = {"Content-Type": "application/msgpack"}
ROWS = np.random.default_rng(7).random((300, 63), dtype="<f4").tobytes()


def photo() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "JPEG")
    return content.getvalue()


async def post(client: httpx2.AsyncClient, document: Any, **headers: str) -> httpx2.Response:
    content = document if isinstance(document, bytes) else packed(document)
    return await client.post(JOBS, content=content, headers=MSGPACK | headers)


def of(*inputs: object) -> dict[str, Any]:
    return SPEC | {"inputs": list(inputs)}


async def test_binary_is_taken_as_base64_and_parts_are(client: httpx2.AsyncClient, house: House) -> None:
    picture, shape = photo(), [300, 63]
    binary = of({"tensor": {"shape": shape, "data": ROWS}}, {"data": picture}, {"landmarks": HAND})
    text = of(
        {"tensor": {"shape": shape, "data": base64.b64encode(ROWS).decode()}},
        {"data": base64.b64encode(picture).decode()},
        {"landmarks": HAND},
    )
    parts = of({"tensor": {"shape": shape, "file": "rows"}}, {"file": "picture"}, {"landmarks": HAND})
    answers = [
        await post(client, binary),
        await post(client, binary, **{"Idempotency-Key": "k"}),
        await post(client, text),
        await client.post(JOBS, json=text),
        await client.post(
            JOBS, data={"spec": json.dumps(parts)}, files={"rows": ("r", ROWS), "picture": ("p", picture)}
        ),
    ]
    assert [answer.status_code for answer in answers] == [202] * 5, answers[0].text
    kept = [house.jobs.kept(answer.json()["id"]) for answer in answers]
    assert all(each.blobs == kept[0].blobs and each.record.spec == kept[0].record.spec for each in kept)
    assert len({each.record.fingerprint for each in kept}) == 1
    assert kept[0].blobs[:2] == [ROWS, picture]


@pytest.mark.parametrize(
    ("inputs", "pointers"),
    [
        ([{"tensor": {"shape": [301, 63], "data": ROWS}}], ["/inputs/0/tensor/data"]),
        ([{"landmarks": HAND}, {"data": b"no photo"}], ["/inputs/1/data"]),
        ([{"tensor": {"shape": [1, 63], "data": b"\xff" * 252}}], ["/inputs/0/tensor/data"]),
        ([{"tensor": {"shape": [1, 63], "data": bytes(252), "file": "x"}}], ["/inputs/0/tensor"]),
        ([{"file": "nowhere"}], ["/inputs/0/file"]),
        ([{"landmarks": b"x"}, {"more": [b"y"]}], ["/inputs/0/landmarks", "/inputs/1/more/0"]),
        ([{b"more": 1}], ["/inputs/0"]),
        ([b"x"], ["/inputs/0"]),
        (b"x", ["/inputs"]),
    ],
)
async def test_what_is_wrong_is_named_where_it_stands(
    client: httpx2.AsyncClient, house: House, inputs: object, pointers: list[str]
) -> None:
    answer = await post(client, SPEC | {"inputs": inputs})
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == pointers
    assert not house.kept


@pytest.mark.parametrize("length", [0, 100_000])
async def test_binary_is_taken_in_no_other_place(client: httpx2.AsyncClient, length: int) -> None:
    answer = await post(client, SPEC | {"labels": {"a": bytes(length)}})
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, ["/labels/a"])
    assert "`data`" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        packed(SPEC)[:-1],
        packed(SPEC) + b"\0",
        b"\xdd\x7f\xff\xff\xff",
        b"\x91" * 1000 + b"\x90",
        b"\x91" * 5000 + b"\x90",
        b"\x81\x01\x02",
        b"\x81\xa1a\xd4\x05\x00",
    ],
)
async def test_what_is_no_msgpack_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    answer = await post(client, body)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:framelane:error:malformed-json")


@pytest.mark.parametrize("value", [None, 1, "text", [], [SPEC]])
async def test_a_spec_is_a_map(client: httpx2.AsyncClient, value: object) -> None:
    answer = await post(client, value)
    assert answer.status_code == 422
