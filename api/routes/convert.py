"""Pipelines from text to graph and back. What couldn't be saved or run is translated too, and said so."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from api.dependencies import Here
from api.reference import json_body, problems
from api.services.definitions import ConvertedGraphs, ConvertedText, GraphToConvert, TextToConvert, Warned
from api.services.graphs import below
from api.uploads import read_json
from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.faults import Broken

router = APIRouter(tags=["pipelines"])

_TEXT: TypeAdapter[TextToConvert] = TypeAdapter(TextToConvert)
_GRAPH: TypeAdapter[GraphToConvert] = TypeAdapter(GraphToConvert)


@router.post(
    "/convert/to-graph",
    responses={200: {"model": ConvertedGraphs, "description": "Both views"}} | problems(400, 413, 415, 422),
    openapi_extra=json_body("TextToConvert"),
)
async def convert_to_graph(request: Request, here: Here) -> Response:
    """The graph of a text in launch syntax, and its simple view."""
    asked = await read_json(request, _TEXT)
    graph = here.graphs.read(asked.pipeline_description, "/pipeline_description")
    simple = here.graphs.simple(graph)
    answer = ConvertedGraphs.model_construct(
        pipeline_graph=graph, pipeline_graph_simple=simple, warnings=_warned(here.graphs.broken(graph))
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.post(
    "/convert/to-description",
    responses={200: {"model": ConvertedText, "description": "The text"}} | problems(400, 413, 415, 422),
    openapi_extra=json_body("GraphToConvert"),
)
async def convert_to_description(request: Request, here: Here) -> Response:
    """The text of a graph, in launch syntax."""
    graph = (await read_json(request, _GRAPH)).pipeline_graph
    try:
        text = emit(graph)
    except InvalidSpec as error:
        raise InvalidSpec(*below("/pipeline_graph", error.broken)) from None
    answer = ConvertedText(pipeline_description=text, warnings=_warned(here.graphs.broken(graph)))
    return Response(answer.model_dump_json(), media_type="application/json")


def _warned(broken: Sequence[Broken]) -> list[Warned]:
    return [Warned(pointer=f"/pipeline_graph{pointer}", message=message) for pointer, message in broken]
