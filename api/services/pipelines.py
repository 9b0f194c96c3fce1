"""The registry: what ships, what users made, and changing the latter without undoing each other's changes."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from api.errors import PreconditionRequired
from api.services import shelf
from api.services.definitions import (
    MOST_VARIANTS,
    PipelineChange,
    PipelineDefinition,
    PipelinePlan,
    VariantChange,
    VariantDefinition,
    VariantPlan,
)
from api.services.graphs import Graphs, below, within
from api.services.pipeline_files import Files, written
from api.services.slugs import slug, unused
from shared.errors import InvalidSpec, PipelineChanged, PipelineExists, PipelineNotFound, PipelineReadOnly
from shared.graph.faults import Broken, PipelineUnreadable
from shared.graph.model import Graph
from shared.graph.names import model_of, places
from shared.pipelines import Pipeline, Variant
from shared.ports import PipelineStore

T = TypeVar("T")

_TRIES = 10
"""To make a change that can't undo another's, each time on what the others have made of it by then."""


class Registry:
    """Pipelines and templates. ``library``: the folder with what ships; it is read when it is first asked for."""

    def __init__(
        self,
        store: PipelineStore,
        graphs: Graphs,
        files: Files,
        threads: CapacityLimiter,
        library: Path = shelf.LIBRARY,
    ) -> None:
        self._store = store
        self._graphs = graphs
        self._files = files
        self._threads = threads
        self._one_file = CapacityLimiter(1)
        self._library = library

    @cached_property
    def _shipped(self) -> Mapping[str, Pipeline]:
        return shelf.shipped(self._library / "pipelines", "PREDEFINED", self._graphs, self._files)

    @cached_property
    def templates(self) -> Mapping[str, Pipeline]:
        """By their ids."""
        return shelf.shipped(self._library / "templates", "TEMPLATE", self._graphs, self._files)

    async def all(self) -> list[Pipeline]:
        """What ships, then what users made."""
        return [*self._shipped.values(), *await self._store.all()]

    async def get(self, pipeline_id: str) -> Pipeline:
        """Raises PipelineNotFound."""
        return self._shipped.get(pipeline_id) or await self._store.get(pipeline_id)

    def template(self, template_id: str) -> Pipeline:
        """Raises PipelineNotFound."""
        if template_id not in self.templates:
            msg = f"there is no template {template_id[:100]!r}; there are {', '.join(self.templates)}"
            raise PipelineNotFound(msg)
        return self.templates[template_id]

    async def graph_of(self, pipeline_id: str, variant_id: str) -> Graph:
        """The graph a job runs. Raises InvalidSpec with a pointer into the job's spec."""
        try:
            pipeline = await self.get(pipeline_id)
        except PipelineNotFound:
            known = ", ".join(each.id for each in await self.all())
            raise InvalidSpec(
                ("/pipeline/pipeline_id", f"there is no pipeline {pipeline_id!r}; there are {known}")
            ) from None
        for each in pipeline.variants:
            if each.id == variant_id:
                return each.pipeline_graph
        known = ", ".join(each.id for each in pipeline.variants)
        raise InvalidSpec(("/pipeline/variant_id", f"{pipeline_id} has no variant {variant_id!r}; it has {known}"))

    async def variant_refused(self, pipeline_id: str, variant_id: str) -> str:
        """Why nobody can add such a variant now; empty if it can be, or if there is no such pipeline."""
        try:
            pipeline = await self._own(pipeline_id)
        except PipelineNotFound:
            return ""
        except PipelineReadOnly as error:
            return error.detail
        if any(each.id == variant_id for each in pipeline.variants):
            return f"{pipeline_id} has a variant {variant_id!r} already: choose another id"
        full = len(pipeline.variants) >= MOST_VARIANTS
        return f"{pipeline_id} has {MOST_VARIANTS} variants already, the most there may be" if full else ""

    async def create(self, definition: PipelineDefinition) -> Pipeline:
        """Raises InvalidSpec with everything that is wrong with its variants."""
        return await self._add(await self._in_thread(lambda: self._checked(self._plan(definition))))

    async def import_file(self, text: str) -> tuple[Pipeline, list[str]]:
        """The pipeline of a file, and what had to be changed for that. Raises MalformedYaml, InvalidSpec."""

        def read() -> tuple[PipelinePlan, list[str]]:
            plan, told = self._files.read(text)
            return self._checked(plan), told

        # Reading YAML takes long: several at once would keep everybody waiting.
        plan, told = await to_thread.run_sync(read, limiter=self._one_file)
        return await self._add(plan), told

    async def export_file(self, pipeline_id: str) -> tuple[Pipeline, str]:
        """The pipeline and its file. Raises PipelineNotFound."""
        pipeline = await self.get(pipeline_id)
        return pipeline, await to_thread.run_sync(written, pipeline, limiter=self._one_file)

    async def models(self) -> dict[str, list[str]]:
        """Ids of the pipelines that name a model, by its name."""
        users: dict[str, list[str]] = {}
        for pipeline in await self.all():
            found = [place for variant in pipeline.variants for place in places(variant.pipeline_graph)]
            named = {model_of(place.value)[0] for place in found if place.named == "model"}
            for name in sorted(named - {""}):
                users.setdefault(name, []).append(pipeline.id)
        return users

    async def change(self, pipeline_id: str, if_match: str | None, change: PipelineChange) -> Pipeline:
        """Raises PipelineNotFound, PipelineReadOnly, PreconditionRequired, PipelineChanged."""
        before = await self._seen(pipeline_id, if_match)
        fields = {name: getattr(change, name) for name in change.model_fields_set}
        return await self._replace(before, fields)

    async def remove(self, pipeline_id: str, if_match: str | None) -> None:
        """Raises as ``change`` does."""
        before = await self._seen(pipeline_id, if_match)
        await self._store.remove(pipeline_id, before.version)

    async def add_variant(
        self, pipeline_id: str, if_match: str | None, definition: VariantDefinition
    ) -> tuple[Pipeline, Variant]:
        """The pipeline with its new variant. It takes nothing away, so ``if_match`` may be None.

        Raises InvalidSpec, else as ``change`` does.
        """
        graph = await self._in_thread(lambda: self._new_graph(definition))
        for left in reversed(range(_TRIES)):
            before = await self._own(pipeline_id)
            if if_match is not None:
                _must_match(before, if_match)
            if len(before.variants) >= MOST_VARIANTS:
                raise InvalidSpec(("", f"a pipeline has at most {MOST_VARIANTS} variants"))
            taken = {each.id for each in before.variants}
            added = shelf.variant(
                unused(slug(definition.name), taken), definition.name, graph, _now(), self._graphs
            )
            try:
                return await self._replace(before, {"variants": [*before.variants, added]}), added
            except PipelineChanged:
                if not left:
                    raise
        raise AssertionError

    async def change_variant(
        self, pipeline_id: str, variant_id: str, if_match: str | None, change: VariantChange
    ) -> tuple[Pipeline, Variant]:
        """The pipeline with the changed variant. Raises InvalidSpec, else as ``change`` does."""
        before = await self._seen(pipeline_id, if_match)
        was = variant_of(before, variant_id)
        fields = await self._in_thread(lambda: self._changed(was, change))
        changed = was.model_copy(update={**fields, "modified_at": _now()})
        variants = [changed if each.id == variant_id else each for each in before.variants]
        return await self._replace(before, {"variants": variants}), changed

    async def remove_variant(self, pipeline_id: str, variant_id: str, if_match: str | None) -> Pipeline:
        """The pipeline without it. Raises InvalidSpec for the last one, else as ``change`` does."""
        before = await self._seen(pipeline_id, if_match)
        going = variant_of(before, variant_id)
        if len(before.variants) == 1:
            raise InvalidSpec(("", f"{variant_id} is the last variant; delete the pipeline instead"))
        return await self._replace(before, {"variants": [each for each in before.variants if each is not going]})

    async def _own(self, pipeline_id: str) -> Pipeline:
        if pipeline_id in self._shipped:
            msg = f"{pipeline_id} ships with Framelane and can't be changed; make one of your own from it"
            raise PipelineReadOnly(msg)
        return await self._store.get(pipeline_id)

    async def _seen(self, pipeline_id: str, if_match: str | None) -> Pipeline:
        before = await self._own(pipeline_id)
        if if_match is None:
            msg = "send If-Match with the ETag of what you have seen, or * to change whatever is there"
            raise PreconditionRequired(msg)
        _must_match(before, if_match)
        return before

    async def _add(self, plan: PipelinePlan) -> Pipeline:
        pipeline_id = unused(slug(plan.name), self._shipped)
        pipeline = await self._in_thread(
            lambda: shelf.made(plan, pipeline_id, "USER_CREATED", _now(), self._graphs)
        )
        taken = set(self._shipped)
        while True:
            try:
                return await self._store.add(pipeline)
            except PipelineExists:
                taken.add(pipeline.id)
                pipeline = pipeline.model_copy(update={"id": unused(slug(plan.name), taken)})

    async def _replace(self, before: Pipeline, fields: dict[str, object]) -> Pipeline:
        changed = before.model_copy(update={**fields, "modified_at": _now()})
        return await self._store.replace(changed, before.version)

    def _plan(self, definition: PipelineDefinition) -> PipelinePlan:
        variants: list[VariantPlan] = []
        broken: list[Broken] = []
        for number, each in enumerate(definition.variants):
            try:
                variants.append(self._variant_plan(each, f"/variants/{number}"))
            except PipelineUnreadable as error:
                broken += error.broken
        if broken:
            broken += self._broken(variants)
            raise InvalidSpec(*broken)
        return PipelinePlan(
            definition.name, definition.description, definition.tags, definition.thumbnail, variants
        )

    def _variant_plan(self, definition: VariantDefinition, pointer: str) -> VariantPlan:
        if definition.pipeline_graph is not None:
            return VariantPlan(definition.name, definition.pipeline_graph, f"{pointer}/pipeline_graph")
        pointer = f"{pointer}/pipeline_description"
        graph = self._graphs.read(definition.pipeline_description or "", pointer)
        return VariantPlan(definition.name, graph, pointer, from_text=True)

    def _new_graph(self, definition: VariantDefinition) -> Graph:
        plan = self._variant_plan(definition, "")
        if broken := self._broken([plan]):
            raise InvalidSpec(*broken)
        return plan.graph

    def _checked(self, plan: PipelinePlan) -> PipelinePlan:
        if broken := self._broken(plan.variants):
            raise InvalidSpec(*broken)
        return plan

    def _broken(self, variants: list[VariantPlan]) -> list[Broken]:
        return [
            each
            for variant in variants
            for each in (
                within(variant.pointer, variant.graph, self._graphs.broken(variant.graph))
                if variant.from_text
                else below(variant.pointer, self._graphs.broken(variant.graph))
            )
        ]

    def _changed(self, was: Variant, change: VariantChange) -> dict[str, object]:
        """Fields that become others. Both views come from the one that was given."""
        fields: dict[str, object] = {} if change.name is None else {"name": change.name}
        graph, pointer = change.pipeline_graph, "/pipeline_graph"
        if change.pipeline_graph_simple is not None:
            pointer = "/pipeline_graph_simple"
            graph = self._graphs.merged(was.pipeline_graph, change.pipeline_graph_simple, pointer)
        if graph is None:
            return fields
        if broken := self._graphs.broken(graph):
            at = within if change.pipeline_graph_simple is not None else _below
            raise InvalidSpec(*at(pointer, graph, broken))
        return {**fields, "pipeline_graph": graph, "pipeline_graph_simple": self._graphs.simple(graph, pointer)}

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._threads)


def variant_of(pipeline: Pipeline, variant_id: str) -> Variant:
    """Raises PipelineNotFound."""
    for each in pipeline.variants:
        if each.id == variant_id:
            return each
    known = ", ".join(each.id for each in pipeline.variants)
    msg = f"{pipeline.id} has no variant {variant_id[:100]!r}; it has {known}"
    raise PipelineNotFound(msg)


def etag(pipeline: Pipeline) -> str:
    """Another one after every change, also of a pipeline that was deleted and made anew."""
    digest = hashlib.sha256(pipeline.model_dump_json().encode()).hexdigest()
    return f'"{digest[:24]}"'


def _must_match(pipeline: Pipeline, if_match: str) -> None:
    given = {tag.strip() for tag in if_match.split(",")}
    if not given & {"*", etag(pipeline)}:
        msg = f"{pipeline.id} was changed meanwhile; look at it again"
        raise PipelineChanged(msg)


def _below(pointer: str, _graph: Graph, broken: list[Broken]) -> list[Broken]:
    return below(pointer, broken)


def _now() -> datetime:
    return datetime.now(UTC)
