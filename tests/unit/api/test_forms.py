"""A multipart form in any pieces."""

import asyncio
import json
from itertools import pairwise

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import forms
from api.forms import Part, WholeForm
from api.multipart import MultipartReader
from api.services.arriving import Arrivals, Arriving
from shared.arrived import Arrived, content_of
from shared.settings import LimitSettings, Settings
from tests.support.gateway import SPEC, House, calling

LARGE = 3_000
SMALL, FILE = b"some\r\n--bytes" * 9, bytes(range(256)) * 20
PARTS = {
    "spec": (None, b"{}"),
    "small": ("s", SMALL),
    "first": ("f", FILE),
    "second": ("t", FILE),
    "note": (None, FILE),
}
SENT = httpx2.Request("POST", "http://here", files=PARTS)


@pytest.fixture(autouse=True, scope="module")
def smaller():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "LARGE_BYTES", LARGE)
        yield


def read(cuts: list[int], arriving: Arriving | None) -> list[Part]:
    async def reading() -> list[Part]:
        reader, form, body = MultipartReader(SENT.headers["content-type"], 5), WholeForm(arriving), SENT.read()
        places = [0, *sorted(cuts), len(body)]
        for first, last in pairwise(places):
            for event in reader.feed(body[first:last]):
                await form.take(event)
        reader.close()
        return await form.close()

    return asyncio.run(reading())


@given(st.lists(st.integers(0, len(SENT.read())), max_size=6), st.booleans())
def test_its_parts_are_as_they_were(cuts: list[int], several: bool):
    parts = read(cuts, Arriving(Arrivals(lambda: None, 1)) if several else None)
    assert {part.name: (part.filename, content_of(part.content)) for part in parts} == PARTS
    # Of several large files one is brought to the store; what is no file never.
    assert [part.name for part in parts if isinstance(part.content, Arrived)] == (["first"] if several else [])


async def test_as_many_files_as_the_limit_says_and_the_spec() -> None:
    house = House(settings=Settings(limits=LimitSettings(parts=4)))
    files = {f"rows-{number}": ("rows", bytes(63 * 4)) for number in range(4)}
    spec = SPEC | {"inputs": [{"tensor": {"shape": [1, 63], "file": name}} for name in files]}
    async with calling(house) as client:
        answer = await client.post("/api/v1/jobs", data={"spec": json.dumps(spec)}, files=files)
    assert answer.status_code == 202, answer.text
    assert len(house.kept) == 1
