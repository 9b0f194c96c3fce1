"""What every store of benchmarks promises, from the workshop to the front door."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from shared.adapters.memory import MemoryBenchmarks, MemoryBenchmarkStore, MemoryBenchmarkWriter
from shared.adapters.redis_benchmarks import RedisBenchmarkStore, RedisBenchmarkWriter
from shared.benchmarks import Benchmark
from shared.errors import BenchmarkNotFound, InvalidSpec, StoreUnavailable
from shared.ports import BenchmarkPage, BenchmarkQuery, BenchmarkStore, BenchmarkWriter
from shared.settings import Settings
from tests.support.benchmarks import benchmark, density, optimize, performance, suite, validate


@dataclass
class Rig:
    front: BenchmarkStore
    workshop: BenchmarkWriter

    async def ids(self, **query: Any) -> list[str]:
        page = await self.front.find(BenchmarkQuery(**query))
        assert page.next_cursor is None
        return [each.id for each in page.benchmarks]


@pytest.fixture(params=["memory", "redis"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "memory":
        shared = MemoryBenchmarks()
        made = Rig(MemoryBenchmarkStore(shared), MemoryBenchmarkWriter(shared))
    else:
        settings = request.getfixturevalue("settings")
        made = Rig(RedisBenchmarkStore(settings), RedisBenchmarkWriter(settings))
    yield made
    await made.front.close()
    made.workshop.close()


def kept(benchmark_id: str, **changes: Any) -> Benchmark:
    return benchmark(density()).model_copy(update={"id": benchmark_id, **changes})


@pytest.mark.parametrize("make", [density, performance, optimize, validate, suite])
async def test_what_was_kept_is_found_as_it_was(rig: Rig, make: Any):
    made = benchmark(make())
    rig.workshop.keep(made)

    assert await rig.front.get(made.id) == made
    assert await rig.front.find(BenchmarkQuery()) == BenchmarkPage([made.summary()], None)


async def test_the_latest_stands_first_and_is_replaced_in_its_place(rig: Rig):
    for name in ("a", "b", "c"):
        rig.workshop.keep(kept(name))
    rig.workshop.keep(kept("a", score=7.0, models=[]))

    assert await rig.ids() == ["c", "b", "a"]
    assert (await rig.front.get("a")).score == 7.0
    assert await rig.ids(model="person-ssdlite") == ["c", "b"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind": "density"}, ["yard", "gate"]),
        ({"kind": "performance"}, ["text"]),
        ({"device": "GPU.0"}, ["text"]),
        ({"device": "GPU"}, []),
        ({"hardware": "xeon"}, ["yard"]),
        ({"hardware": "(r)"}, ["yard", "gate"]),
        ({"hardware": "."}, []),
        ({"pipeline": "/pipelines/people/variants/cpu"}, ["yard", "gate"]),
        ({"pipeline": "/pipelines/people"}, ["yard", "gate", "text"]),
        ({"pipeline": "people"}, ["yard", "gate", "text"]),
        ({"pipeline": "peop"}, []),
        ({"pipeline": "été"}, ["text"]),
        ({"model": "person-ssdlite"}, ["yard", "gate"]),
        ({"model": "person-ssdlite", "hardware": "XEON", "kind": "density"}, ["yard"]),
        ({"model": "density"}, []),
        ({}, ["yard", "gate", "text"]),
    ],
)
async def test_every_filter_must_hold(rig: Rig, query: dict[str, str], found: list[str]):
    text = benchmark(performance()).model_copy(
        update={
            "id": "text",
            "device": "GPU.0",
            "pipelines": ["/pipelines/people/variants/gpu", "été"],
            "models": [],
        }
    )
    for each in (text, kept("gate", hardware="Intel(R) Core"), kept("yard", hardware="Intel(R) Xeon")):
        rig.workshop.keep(each)

    assert await rig.ids(**query) == found


async def test_pages_follow_each_other_whatever_is_kept_or_removed_between_them(rig: Rig):
    for number in range(7):
        rig.workshop.keep(kept(f"b{number}", device="CPU" if number % 2 else "NPU"))
    first = await rig.front.find(BenchmarkQuery(device="CPU", limit=2))
    assert [each.id for each in first.benchmarks] == ["b5", "b3"]

    rig.workshop.keep(kept("b9"))
    await rig.front.remove("b3")
    rest = await rig.front.find(BenchmarkQuery(device="CPU", limit=2, cursor=first.next_cursor))
    assert [each.id for each in rest.benchmarks] == ["b1"]
    assert rest.next_cursor is None

    whole = await rig.front.find(BenchmarkQuery(limit=7))
    assert len(whole.benchmarks) == 7
    assert whole.next_cursor is None


async def test_a_made_up_cursor_is_refused(rig: Rig):
    with pytest.raises(InvalidSpec, match="/cursor"):
        await rig.front.find(BenchmarkQuery(cursor="mine"))


async def test_what_was_removed_is_gone(rig: Rig):
    rig.workshop.keep(kept("a"))
    await rig.front.remove("a")

    assert await rig.ids() == []
    for missing in (rig.front.get("a"), rig.front.remove("a"), rig.front.get("never")):
        with pytest.raises(BenchmarkNotFound):
            await missing


async def test_many_writers_at_once_lose_nothing(rig: Rig):
    await asyncio.gather(*(asyncio.to_thread(rig.workshop.keep, kept(f"b{number}")) for number in range(30)))
    assert sorted(await rig.ids()) == sorted(f"b{number}" for number in range(30))


async def test_what_another_version_wrote_hides_nothing_else(settings: Settings):
    front, workshop = RedisBenchmarkStore(settings), RedisBenchmarkWriter(settings)
    for name in ("later", "ours"):
        workshop.keep(kept(name))
    with redis.Redis.from_url(settings.store_url) as client:
        client.hset(f"{settings.redis.prefix}:benchmark:later", mapping={"summary": "{}", "benchmark": "{}"})

    assert [each.id for each in (await front.find(BenchmarkQuery())).benchmarks] == ["ours"]
    with pytest.raises(StoreUnavailable, match="later"):
        await front.get("later")
    await front.close()
    workshop.close()


async def test_a_tenant_has_its_own_in_pages(rig: Rig):
    for number in range(4):
        rig.workshop.keep(kept(f"ours-{number}", tenant="ours"))
        rig.workshop.keep(kept(f"theirs-{number}", tenant="theirs"))
        rig.workshop.keep(kept(f"old-{number}"))
    for tenant, word in (("ours", "ours"), ("theirs", "theirs"), ("default", "old")):
        first = await rig.front.find(BenchmarkQuery(tenant=tenant, limit=3))
        assert [each.id for each in first.benchmarks] == [f"{word}-{number}" for number in (3, 2, 1)]
        second = await rig.front.find(BenchmarkQuery(tenant=tenant, limit=3, cursor=first.next_cursor))
        assert [each.id for each in second.benchmarks] == [f"{word}-0"]
    assert len(await rig.ids()) == 12
    await rig.front.remove("ours-2")
    assert await rig.ids(tenant="ours") == ["ours-3", "ours-1", "ours-0"]
    assert await rig.ids(tenant="nobody") == []
