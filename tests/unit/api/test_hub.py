"""One subscription, many followers, and nobody waits for anybody."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.hub import Heard, Hub, Note
from shared.adapters.memory import MemoryEventBus

FOREVER = 20.0


def event(seq: int, **fields: object) -> str:
    return json.dumps(
        {"type": "progress", "seq": seq, "kind": "inference", "device": "CPU", "labels": {}} | fields
    )


@pytest.fixture
def bus() -> MemoryEventBus:
    return MemoryEventBus()


@pytest.fixture
async def hub(bus: MemoryEventBus) -> AsyncIterator[Hub]:
    hub = Hub(bus, queue_size=4)
    running = asyncio.create_task(hub.run())
    await hub.connected.wait()
    yield hub
    running.cancel()
    await asyncio.wait([running])


async def heard_by(follower: object, count: int) -> list[Heard | Note]:
    return [await follower.next(FOREVER) for _ in range(count)]  # type: ignore[attr-defined]


async def test_follower_hears_its_job_in_order_and_nothing_else(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as mine, hub.follow("b") as other:
        for seq in (1, 2, 3):
            bus.publish("a", event(seq))
        bus.publish("b", event(7))
        told = await heard_by(mine, 3)
        assert [each.seq for each in told if isinstance(each, Heard)] == [1, 2, 3]
        (only,) = await heard_by(other, 1)
        assert isinstance(only, Heard)
        assert (only.seq, only.raw) == (7, event(7))
        assert await mine.next(0) is Note.IDLE


async def test_each_wait_has_its_own_limit(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as follower:
        for first_s, then_s in ((FOREVER, 0.01), (0.05, 0.1), (0.1, 0.05)):
            bus.publish("a", event(1))
            waiting = asyncio.create_task(follower.next(first_s))
            assert isinstance(await waiting, Heard)
            begun = asyncio.get_running_loop().time()
            assert await follower.next(then_s) is Note.IDLE
            assert asyncio.get_running_loop().time() - begun >= then_s - 0.002, "uvloop and asyncio count in ms"
        late = asyncio.create_task(follower.next(FOREVER))
        await asyncio.sleep(0)
        bus.publish("a", event(2))
        assert isinstance(await late, Heard)


async def test_reader_that_left_is_told_nothing_else(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as follower:
        bus.publish("a", event(1))
        bus.interrupt()
        follower.hang_up()
        assert [await follower.next(FOREVER) for _ in range(2)] == [Note.LEFT] * 2


async def test_raw_text_is_passed_on_untouched(bus: MemoryEventBus, hub: Hub) -> None:
    odd = '{ "seq":1,\n "type" : "state","state":"COMPLETED", "caf\\u00e9": 1.50 }'
    with hub.follow("a") as follower:
        bus.publish("a", odd)
        heard = await follower.next(FOREVER)
    assert isinstance(heard, Heard)
    assert heard.raw == odd
    assert heard.terminal


async def test_slow_follower_loses_its_place_and_others_dont_notice(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as slow, hub.follow("a") as quick:
        for seq in range(1, 11):
            bus.publish("a", event(seq))
            heard = await quick.next(FOREVER)
            assert isinstance(heard, Heard)
            assert heard.seq == seq
        assert hub.followers == 1
        assert await slow.next(FOREVER) is Note.LAGGED
        assert await slow.next(FOREVER) is Note.LAGGED
    assert hub.followers == 0


async def test_slow_feed_loses_its_place(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow_all(lambda _: True) as slow, hub.follow_all(lambda heard: heard.seq > 9) as picky:
        for seq in range(1, 11):
            bus.publish(f"job-{seq}", event(seq))
        heard = await picky.next(FOREVER)
        assert isinstance(heard, Heard)
        assert heard.seq == 10
        assert await slow.next(FOREVER) is Note.LAGGED


async def test_nothing_is_looked_into_when_nobody_follows(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("other") as other:
        bus.publish("a", "this would not parse")
        bus.publish("other", event(1))
        assert isinstance(await other.next(FOREVER), Heard)


@pytest.mark.parametrize("rubbish", ["", "[]", "{}", '{"type": "state", "seq": 1}', '"x"', "\x00"])
async def test_rubbish_on_the_channel_harms_nobody(rubbish: str, bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as follower:
        bus.publish("a", rubbish)
        bus.publish("a", event(2))
        heard = await follower.next(FOREVER)
    assert isinstance(heard, Heard)
    assert heard.seq == 2


async def test_gap_is_told_before_what_follows(bus: MemoryEventBus, hub: Hub) -> None:
    with hub.follow("a") as follower, hub.follow_all(lambda _: True) as feed:
        bus.interrupt()
        bus.publish("a", event(5))
        for each in (follower, feed):
            told = await heard_by(each, 2)
            assert told[0] is Note.GAP
            assert isinstance(told[1], Heard)


async def test_closing_is_told_to_all_and_waits_for_them(hub: Hub) -> None:
    async def follow(started: asyncio.Event) -> Note | Heard:
        with hub.follow("a") as follower:
            started.set()
            return await follower.next(FOREVER)

    started = asyncio.Event()
    following = asyncio.create_task(follow(started))
    await started.wait()
    await hub.close(FOREVER)
    assert await following is Note.CLOSING
    with hub.follow("b") as late:
        assert await late.next(FOREVER) is Note.CLOSING


async def test_closing_doesnt_wait_for_ever(hub: Hub) -> None:
    with hub.follow("a"):
        async with asyncio.timeout(20):
            await hub.close(0.01)


@given(st.lists(st.one_of(st.integers(0, 2), st.sampled_from(["read0", "read1"])), max_size=60))
def test_follower_hears_everything_in_order_or_is_told(steps: list[int | str]) -> None:
    """Whatever is published and read when."""

    async def story() -> None:
        bus = MemoryEventBus()
        hub = Hub(bus, queue_size=4)
        running = asyncio.create_task(hub.run())
        await hub.connected.wait()
        sent, heard = {"0": 0, "1": 0, "2": 0}, {"0": list[int](), "1": list[int]()}
        lagged: set[str] = set()
        with hub.follow("0") as zero, hub.follow("1") as one, hub.follow("end") as end:
            followers = {"0": zero, "1": one}

            async def read(job_id: str) -> bool:
                told = await followers[job_id].next(0)
                if isinstance(told, Heard):
                    assert job_id not in lagged
                    heard[job_id].append(told.seq)
                elif told is Note.LAGGED:
                    lagged.add(job_id)
                return isinstance(told, Heard)

            for step in steps:
                if isinstance(step, int):
                    sent[str(step)] += 1
                    bus.publish(str(step), event(sent[str(step)]))
                else:
                    await read(step[-1])
            bus.publish("end", event(1))
            assert isinstance(await end.next(FOREVER), Heard)  # the hub has passed on everything
            for job_id in followers:
                while await read(job_id):
                    pass
        for job_id, seqs in heard.items():
            complete = list(range(1, sent[job_id] + 1))
            assert seqs == (complete[: len(seqs)] if job_id in lagged else complete)
            assert (job_id not in lagged) or sent[job_id] > 4
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(story())
