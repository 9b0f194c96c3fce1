"""Calls gather while one is on its way, and never otherwise."""

import asyncio

import pytest

from shared.adapters.redis_jobs.gathering import SMALL_BYTES, Gathering
from shared.errors import StoreUnavailable


class Server:
    """Answers each call with its arguments doubled, when it is let."""

    def __init__(self) -> None:
        self.sent: list[list[list[str]]] = []
        self.open = asyncio.Event()
        self.broken = False

    async def __call__(self, calls: list[list[str]]) -> list[object]:
        self.sent.append(calls)
        await self.open.wait()
        if self.broken:
            msg = "gone"
            raise StoreUnavailable(msg)
        return [[*call, *call] for call in calls]

    @property
    def sizes(self) -> list[int]:
        return [len(calls) for calls in self.sent]


async def begun(gathering: Gathering, *names: str) -> list[asyncio.Task[object]]:
    asking = [asyncio.create_task(gathering.ask([name], 1)) for name in names]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asking


async def test_one_alone_goes_at_once_and_those_after_it_together() -> None:
    server = Server()
    gathering = Gathering(server)
    asking = await begun(gathering, "a")
    assert server.sizes == [1]
    asking += await begun(gathering, "b", "c", "d")
    assert server.sizes == [1]
    server.open.set()
    assert await asyncio.gather(*asking) == [[name, name] for name in "abcd"]
    assert server.sizes == [1, 3]


async def test_a_large_one_waits_for_nobody() -> None:
    server = Server()
    gathering = Gathering(server)
    asking = await begun(gathering, "a")
    asking.append(asyncio.create_task(gathering.ask(["large"], SMALL_BYTES + 1)))
    await asyncio.sleep(0)
    assert server.sent == [[["a"]], [["large"]]]
    server.open.set()
    assert await asyncio.gather(*asking) == [["a", "a"], ["large", "large"]]


async def test_who_gave_up_before_it_was_sent_is_left_out() -> None:
    server = Server()
    gathering = Gathering(server)
    asking = await begun(gathering, "a", "b", "c")
    first, gone, last = asking
    late = await begun(gathering, "d", "e")
    late[0].cancel()
    server.open.set()
    assert [await each for each in (first, gone, last, late[1])] == [[name, name] for name in "abce"]
    assert ["d"] not in [call for calls in server.sent for call in calls]


async def test_an_error_is_told_to_all_it_concerns_and_the_next_is_tried() -> None:
    server = Server()
    gathering = Gathering(server)
    server.broken = True
    asking = await begun(gathering, "a")
    asking += await begun(gathering, "b", "c")
    server.open.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(each, StoreUnavailable) and each.detail == "gone" for each in told)
    assert len({id(each) for each in told}) == 3
    server.broken = False
    assert await gathering.ask(["d"], 1) == ["d", "d"]


@pytest.mark.parametrize("open_first", [True, False])
async def test_closing_waits_for_what_is_on_its_way(open_first: bool) -> None:
    server = Server()
    gathering = Gathering(server)
    asking = await begun(gathering, "a")
    if open_first:
        server.open.set()
    closing = asyncio.create_task(gathering.close())
    await asyncio.sleep(0)
    server.open.set()
    await closing
    assert await asking[0] == ["a", "a"]
