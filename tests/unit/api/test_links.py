"""Files behind signed links: one object, by one method, for a while, and never as a page."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ranges import Unsatisfiable, asked_span
from shared.adapters.links import LONGEST_S, LinkSigner
from tests.support.gateway import House, calling

CONTENT = bytes(range(256)) * 1_000
KEY = "jobs/1/0/page.html"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(house: House) -> Clock:
    made = Clock()
    signer: LinkSigner = house.artifacts.signer
    signer._clock = made
    return made


@pytest.fixture
async def client(house: House, clock: Clock) -> AsyncIterator[httpx2.AsyncClient]:
    house.artifacts.put_bytes(KEY, CONTENT, "text/html")
    house.artifacts.put_bytes("jobs/2/0/page.html", b"another's", "text/html")
    async with calling(house) as client:
        yield client


async def test_a_file_is_saved_never_shown(client: httpx2.AsyncClient, house: House):
    answer = await client.get(house.artifacts.link(KEY, 60, "a page.html"))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20page.html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["accept-ranges"] == "bytes"


async def test_it_is_over_in_time(client: httpx2.AsyncClient, house: House, clock: Clock):
    link = house.artifacts.link(KEY, LONGEST_S, "a")
    clock.now += LONGEST_S
    assert (await client.get(link)).status_code == 200
    clock.now += 1
    answer = await client.get(link)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:framelane:error:bad-link")


def test_no_link_is_longer_than_a_quarter_of_an_hour(house: House, clock: Clock):
    for seconds in (0, -1, LONGEST_S + 1, 86_400):
        with pytest.raises(ValueError, match="900"):
            house.artifacts.link(KEY, seconds, "a")
    signer = house.artifacts.signer
    late = str(int(clock.now) + LONGEST_S + 60)
    assert not signer.verify(KEY, late, "a", signer._sign(KEY, late, "a")), "even if it was signed"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_it_is_for_reading_alone(method: str, client: httpx2.AsyncClient, house: House):
    answer = await client.request(method, house.artifacts.link(KEY, 60, "a"))
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert house.artifacts.stat(KEY).size == len(CONTENT)


async def test_it_opens_no_other_object(client: httpx2.AsyncClient, house: House):
    link = house.artifacts.link(KEY, 60, "a")
    for other in ("jobs/2/0/page.html", "jobs/1/0/page.htm", "jobs/1/0/%2e%2e/0/page.html", "jobs//1/0/page.html"):
        answer = await client.get(link.replace(KEY, other))
        assert answer.status_code in {403, 404}, other
        assert b"another" not in answer.content


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=255900-", 255_900, 256_000),
        ("bytes=-5", 255_995, 256_000),
        ("bytes=0-99999999", 0, 256_000),
    ],
)
async def test_one_part_of_it(asked: str, start: int, stop: int, client: httpx2.AsyncClient, house: House):
    answer = await client.get(house.artifacts.link(KEY, 60, "a"), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/256000"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_part_that_there_is_not(asked: str, client: httpx2.AsyncClient, house: House):
    answer = await client.get(house.artifacts.link(KEY, 60, "a"), headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */256000")
    assert answer.json()["type"] == "urn:framelane:error:no-such-range"


@pytest.mark.parametrize(
    "asked",
    ["bytes=" + ",".join("0-1" for _ in range(5_000)), "lines=1-2", "bytes=5-2", "bytes=-", "bytes=a-b", ""],
)
async def test_many_parts_or_none_at_all_are_the_whole(asked: str, client: httpx2.AsyncClient, house: House):
    answer = await client.get(house.artifacts.link(KEY, 60, "a"), headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))


async def test_a_part_of_what_it_was_before(client: httpx2.AsyncClient, house: House):
    link = house.artifacts.link(KEY, 60, "a")
    etag = (await client.get(link)).headers["etag"]
    for seen, status in ((etag, 206), ('"something else"', 200)):
        answer = await client.get(link, headers={"Range": "bytes=0-9", "If-Range": seen})
        assert answer.status_code == status


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=30), st.integers(0, 2**40))
def test_any_header_means_a_part_the_whole_or_nothing(header: str, size: int):
    try:
        span = asked_span(header, size)
    except Unsatisfiable:
        return
    assert span is None or (0 <= span.start < span.start + span.length <= size)
