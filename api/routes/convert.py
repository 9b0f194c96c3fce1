"""Pipelines from text to graph and back. What couldn't be saved or run is translated too, and said so."""

from collections.abc import Sequence

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from api.dependencies import Here
from api.reference import json_body, problems
from api.services.definitions import ConvertedGraphs, ConvertedText, GraphToConvert, TextToConvert, Warned
from api.services.graphs import Graphs, below
from api.uploads import read_json
from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.faults import Broken
from shared.graph.model import Graph

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
    answer = await to_thread.run_sync(_graphs, here.graphs, asked.pipeline_description, limiter=here.threads)
    return Response(answer, media_type="application/json")


@router.post(
    "/convert/to-description",
    responses={200: {"model": ConvertedText, "description": "The text"}} | problems(400, 413, 415, 422),
    openapi_extra=json_body("GraphToConvert"),
)
async def convert_to_description(request: Request, here: Here) -> Response:
    """The text of a graph, in launch syntax."""
    graph = (await read_json(request, _GRAPH)).pipeline_graph
    answer = await to_thread.run_sync(_text, here.graphs, graph, limiter=here.threads)
    return Response(answer, media_type="application/json")


def _graphs(graphs: Graphs, text: str) -> str:
    graph = graphs.read(text, "/pipeline_description")
    return ConvertedGraphs.model_construct(
        pipeline_graph=graph,
        pipeline_graph_simple=graphs.simple(graph),
        warnings=_warned(graphs.broken(graph)),
    ).model_dump_json()


def _text(graphs: Graphs, graph: Graph) -> str:
    try:
        text = emit(graph)
    except InvalidSpec as error:
        raise InvalidSpec(*below("/pipeline_graph", error.broken)) from None
    return ConvertedText(pipeline_description=text, warnings=_warned(graphs.broken(graph))).model_dump_json()


def _warned(broken: Sequence[Broken]) -> list[Warned]:
    return [Warned(pointer=f"/pipeline_graph{pointer}", message=message) for pointer, message in broken]
