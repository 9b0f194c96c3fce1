"""What every store of pipelines promises."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from shared.adapters.memory import MemoryPipelineStore, MemoryVariantWriter
from shared.adapters.redis_pipelines import RedisPipelineStore, RedisVariantWriter
from shared.errors import PipelineChanged, PipelineExists, PipelineNotFound
from shared.graph.parser import parse
from shared.pipelines import Pipeline, Variant
from shared.ports import PipelineStore, VariantWriter

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
GRAPH = parse('videotestsrc ! textoverlay text="é ! \\"x\\"" ! fakesink')


def pipeline(pipeline_id: str, name: str = "Yard", **changes: object) -> Pipeline:
    variant = Variant(
        id="cpu",
        name="CPU",
        read_only=False,
        pipeline_graph=GRAPH,
        pipeline_graph_simple=GRAPH,
        created_at=AT,
        modified_at=AT,
    )
    made = Pipeline(
        id=pipeline_id,
        name=name,
        description="",
        source="USER_CREATED",
        tags=["a b", "é"],
        variants=[variant],
        created_at=AT,
        modified_at=AT,
    )
    return made.model_copy(update=changes)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[PipelineStore]:
    kept = MemoryPipelineStore() if request.param == "memory" else RedisPipelineStore(
        request.getfixturevalue("settings")
    )  # fmt: skip
    yield kept
    await kept.close()


async def test_what_was_added_is_found_as_it_was(store: PipelineStore):
    assert await store.all() == []
    added = await store.add(pipeline("yard", version=7))

    assert added == pipeline("yard", version=1)
    assert await store.get("yard") == added
    await store.add(pipeline("a-gate"))
    assert [each.id for each in await store.all()] == ["a-gate", "yard"]


async def test_an_id_is_given_once(store: PipelineStore):
    await store.add(pipeline("yard"))
    with pytest.raises(PipelineExists):
        await store.add(pipeline("yard", "Another"))
    assert (await store.get("yard")).name == "Yard"


async def test_a_change_counts_up(store: PipelineStore):
    first = await store.add(pipeline("yard"))
    second = await store.replace(first.model_copy(update={"name": "Gate"}), first.version)
    third = await store.replace(second.model_copy(update={"tags": []}), second.version)

    assert (second.version, third.version) == (2, 3)
    assert await store.get("yard") == third == pipeline("yard", "Gate", tags=[], version=3)


async def test_a_change_of_what_another_changed_is_refused(store: PipelineStore):
    first = await store.add(pipeline("yard"))
    await store.replace(first.model_copy(update={"name": "Gate"}), 1)

    for stale in (
        store.replace(first, 1),
        store.replace(first, 9),
        store.replace(first, 0),
        store.remove("yard", 1),
    ):
        with pytest.raises(PipelineChanged):
            await stale
    assert (await store.get("yard")).name == "Gate"


async def test_of_many_changes_at_once_one_counts(store: PipelineStore):
    first = await store.add(pipeline("yard"))
    answers = await asyncio.gather(
        *(store.replace(first.model_copy(update={"name": str(n)}), 1) for n in range(20)), return_exceptions=True
    )
    won = [answer for answer in answers if isinstance(answer, Pipeline)]
    assert len(won) == 1
    assert sum(isinstance(answer, PipelineChanged) for answer in answers) == 19
    assert await store.get("yard") == won[0]


@pytest.mark.parametrize("expected", [None, 1])
async def test_what_was_removed_is_gone(store: PipelineStore, expected: int | None):
    await store.add(pipeline("yard"))
    await store.remove("yard", expected)

    assert await store.all() == []
    for missing in (
        store.get("yard"),
        store.remove("yard"),
        store.remove("yard", 1),
        store.replace(pipeline("yard"), 1),
        store.replace(pipeline("yard"), 0),
    ):
        with pytest.raises(PipelineNotFound):
            await missing
    assert (await store.add(pipeline("yard"))).version == 1


@pytest.fixture
def writer(store: PipelineStore, request: pytest.FixtureRequest) -> Iterator[VariantWriter]:
    """On the same pipelines."""
    if isinstance(store, MemoryPipelineStore):
        made: VariantWriter = MemoryVariantWriter(store)
    else:
        made = RedisVariantWriter(request.getfixturevalue("settings"))
    yield made
    made.close()


async def test_a_variant_is_added_once(store: PipelineStore, writer: VariantWriter):
    added = await store.add(pipeline("yard"))
    faster = added.variants[0].model_copy(
        update={"id": "faster", "pipeline_graph": parse("videotestsrc ! fakesink")}
    )
    writer.add_variant("yard", faster)
    writer.add_variant("yard", faster)

    now = await store.get("yard")
    assert (now.version, now.variants) == (2, [*added.variants, faster])
    with pytest.raises(PipelineExists):
        writer.add_variant("yard", faster.model_copy(update={"pipeline_graph": GRAPH}))
    with pytest.raises(PipelineNotFound):
        writer.add_variant("gate", faster)
    assert await store.get("yard") == now
