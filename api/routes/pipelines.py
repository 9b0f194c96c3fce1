"""Pipelines, their variants, and templates to begin one from."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import Response

from api.dependencies import Here
from api.reference import Responses, json_body, problems, yaml_body
from api.services.definitions import PipelineChange, PipelineDefinition, VariantChange, VariantDefinition
from api.services.pipeline_files import MAX_FILE
from api.services.pipelines import etag, variant_of
from api.uploads import read_json, read_yaml
from api.views import PREFIX, base_url
from shared.graph.model import Graph
from shared.pipelines import Pipeline, Variant

router = APIRouter(tags=["pipelines"])

YAML = "application/yaml"

_DEFINITION: TypeAdapter[PipelineDefinition] = TypeAdapter(PipelineDefinition)
_CHANGE: TypeAdapter[PipelineChange] = TypeAdapter(PipelineChange)
_VARIANT: TypeAdapter[VariantDefinition] = TypeAdapter(VariantDefinition)
_VARIANT_CHANGE: TypeAdapter[VariantChange] = TypeAdapter(VariantChange)
_GRAPH: TypeAdapter[Graph] = TypeAdapter(Graph)

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1_000, description="the ETag of the pipeline as it was seen, or `*`"),
]
_TAGGED: dict[str, Any] = {"headers": {"ETag": {"schema": {"type": "string"}, "description": "for If-Match"}}}
_ONE: Responses = {200: {"model": Pipeline, "description": "The pipeline", **_TAGGED}}
_MADE: Responses = {201: {"model": Pipeline, "description": "The pipeline; `Location`: where it is", **_TAGGED}}
_CHANGING = problems(400, 404, 409, 412, 413, 415, 422, 428, 503)


class PipelineList(BaseModel):
    """What ships, then what users made."""

    pipelines: list[Pipeline]


class TemplateList(BaseModel):
    """Pipelines whose models and media are still to be named."""

    templates: list[Pipeline]


class ImportedPipeline(Pipeline):
    """The pipeline of a file. ``notes``: what was changed for that, or left out."""

    notes: list[str] = Field(default_factory=list[str])


@router.get("/pipelines", responses={200: {"model": PipelineList}} | problems(422, 503))
async def list_pipelines(
    here: Here, tag: Annotated[str | None, Query(max_length=60, description="only those that have it")] = None
) -> Response:
    """All pipelines, each with its variants."""
    found = [each for each in await here.pipelines.all() if tag is None or tag in each.tags]
    return _json(PipelineList.model_construct(pipelines=found))


@router.post(
    "/pipelines",
    status_code=201,
    responses=_MADE | problems(400, 413, 415, 422, 503),
    openapi_extra=json_body("PipelineDefinition"),
)
async def create_pipeline(request: Request, here: Here) -> Response:
    """Keep a pipeline. Its id is made from its name."""
    pipeline = await here.pipelines.create(await read_json(request, _DEFINITION))
    return _json(pipeline, 201, _where(request, pipeline))


@router.post(
    "/pipelines/import",
    status_code=201,
    responses={201: {**_MADE[201], "model": ImportedPipeline}} | problems(400, 413, 415, 422, 503),
    openapi_extra=yaml_body(),
)
async def import_pipeline(request: Request, here: Here) -> Response:
    """Keep the pipeline of a YAML file, also of one made for DL Streamer's tools: paths in it become names."""
    pipeline, told = await here.pipelines.import_file(await read_yaml(request, MAX_FILE))
    fields = {name: getattr(pipeline, name) for name in Pipeline.model_fields}
    return _json(ImportedPipeline.model_construct(**fields, notes=told), 201, _where(request, pipeline))


@router.get("/pipelines/{pipeline_id}", responses=_ONE | problems(404, 503))
async def get_pipeline(here: Here, pipeline_id: str) -> Response:
    """One pipeline."""
    return _one(await here.pipelines.get(pipeline_id))


@router.patch("/pipelines/{pipeline_id}", responses=_ONE | _CHANGING, openapi_extra=json_body("PipelineChange"))
async def change_pipeline(request: Request, here: Here, pipeline_id: str, if_match: IfMatch = None) -> Response:
    """Another name, description, tags or thumbnail."""
    change = await read_json(request, _CHANGE)
    return _one(await here.pipelines.change(pipeline_id, if_match, change))


@router.delete("/pipelines/{pipeline_id}", status_code=204, responses=problems(404, 409, 412, 428, 503))
async def delete_pipeline(here: Here, pipeline_id: str, if_match: IfMatch = None) -> Response:
    """Forget a pipeline. Jobs that were accepted with it run all the same."""
    await here.pipelines.remove(pipeline_id, if_match)
    return Response(status_code=204)


@router.get(
    "/pipelines/{pipeline_id}/export",
    response_class=Response,
    responses={
        200: {
            "description": "The pipeline as a file that can be imported",
            "content": {YAML: {"schema": {"type": "object"}}},
        }
    }
    | problems(404, 503),
)
async def export_pipeline(here: Here, pipeline_id: str) -> Response:
    """The pipeline as a YAML file."""
    pipeline, text = await here.pipelines.export_file(pipeline_id)
    headers = {"Content-Disposition": f'attachment; filename="{pipeline.id}.yaml"', "ETag": etag(pipeline)}
    return Response(text, 200, headers, YAML)


@router.post(
    "/pipelines/{pipeline_id}/variants",
    status_code=201,
    responses={201: {"model": Variant, "description": "The variant", **_TAGGED}} | _CHANGING,
    openapi_extra=json_body("VariantDefinition"),
)
async def add_variant(request: Request, here: Here, pipeline_id: str, if_match: IfMatch = None) -> Response:
    """Add a variant. Nothing of others is lost by that, so `If-Match` may be left out."""
    definition = await read_json(request, _VARIANT)
    pipeline, variant = await here.pipelines.add_variant(pipeline_id, if_match, definition)
    return _json(variant, 201, {"ETag": etag(pipeline)})


@router.patch(
    "/pipelines/{pipeline_id}/variants/{variant_id}",
    responses={200: {"model": Variant, "description": "The variant", **_TAGGED}} | _CHANGING,
    openapi_extra=json_body("VariantChange"),
)
async def change_variant(
    request: Request, here: Here, pipeline_id: str, variant_id: str, if_match: IfMatch = None
) -> Response:
    """Another name, or another graph by one of its views; the other view is made anew."""
    change = await read_json(request, _VARIANT_CHANGE)
    pipeline, variant = await here.pipelines.change_variant(pipeline_id, variant_id, if_match, change)
    return _json(variant, 200, {"ETag": etag(pipeline)})


@router.delete(
    "/pipelines/{pipeline_id}/variants/{variant_id}",
    status_code=204,
    responses=problems(404, 409, 412, 422, 428, 503),
)
async def delete_variant(here: Here, pipeline_id: str, variant_id: str, if_match: IfMatch = None) -> Response:
    """Remove a variant; the last one stays."""
    pipeline = await here.pipelines.remove_variant(pipeline_id, variant_id, if_match)
    return Response(status_code=204, headers={"ETag": etag(pipeline)})


_GRAPH_ANSWER: Responses = {200: {"model": Graph, "description": "The other view; nothing was kept"}}


@router.post(
    "/pipelines/{pipeline_id}/variants/{variant_id}/convert-to-simple",
    responses=_GRAPH_ANSWER | problems(400, 404, 413, 415, 422, 503),
    openapi_extra=json_body("Graph"),
)
async def convert_to_simple(request: Request, here: Here, pipeline_id: str, variant_id: str) -> Response:
    """The simple view of a graph that is being edited."""
    graph = await read_json(request, _GRAPH)
    variant_of(await here.pipelines.get(pipeline_id), variant_id)
    return _json(await to_thread.run_sync(here.graphs.simple, graph, limiter=here.threads))


@router.post(
    "/pipelines/{pipeline_id}/variants/{variant_id}/convert-to-advanced",
    responses=_GRAPH_ANSWER | problems(400, 404, 413, 415, 422, 503),
    openapi_extra=json_body("Graph"),
)
async def convert_to_advanced(request: Request, here: Here, pipeline_id: str, variant_id: str) -> Response:
    """The variant's graph with the properties of an edited simple view of it."""
    edited = await read_json(request, _GRAPH)
    variant = variant_of(await here.pipelines.get(pipeline_id), variant_id)
    merged = await to_thread.run_sync(here.graphs.merged, variant.pipeline_graph, edited, limiter=here.threads)
    return _json(merged)


@router.get("/pipeline-templates", responses={200: {"model": TemplateList}} | problems(503))
async def list_templates(here: Here) -> Response:
    """Pipelines to begin one from."""
    return _json(TemplateList.model_construct(templates=list(here.pipelines.templates.values())))


@router.get("/pipeline-templates/{template_id}", responses=_ONE | problems(404, 503))
async def get_template(here: Here, template_id: str) -> Response:
    """One template."""
    return _one(here.pipelines.template(template_id))


def _json(answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), status, headers, "application/json")


def _one(pipeline: Pipeline) -> Response:
    return _json(pipeline, 200, {"ETag": etag(pipeline)})


def _where(request: Request, pipeline: Pipeline) -> dict[str, str]:
    return {"ETag": etag(pipeline), "Location": f"{base_url(request)}{PREFIX}/pipelines/{pipeline.id}"}
