"""Operations on pipelines as values. No I/O."""

from urllib.parse import quote

from pydantic import TypeAdapter

from client.sdk.answers import ImportedPipeline, PipelineList
from client.sdk.calls import API, Call
from shared.pipelines import Pipeline

_LIST: TypeAdapter[PipelineList] = TypeAdapter(PipelineList)
_ONE: TypeAdapter[Pipeline] = TypeAdapter(Pipeline)
_IMPORTED: TypeAdapter[ImportedPipeline] = TypeAdapter(ImportedPipeline)


def pipelines() -> Call[list[Pipeline]]:
    """What ships, then what users made."""
    return Call("GET", f"{API}/pipelines", lambda _status, body: _LIST.validate_json(body).pipelines)


def pipeline(pipeline_id: str) -> Call[Pipeline]:
    """One pipeline."""
    return Call("GET", _path(pipeline_id), lambda _status, body: _ONE.validate_json(body))


def import_pipeline(text: str) -> Call[ImportedPipeline]:
    """A new pipeline from a YAML file."""
    return Call(
        "POST",
        f"{API}/pipelines/import",
        lambda _status, body: _IMPORTED.validate_json(body),
        {"Content-Type": "application/yaml"},
        text.encode(),
    )


def export_pipeline(pipeline_id: str) -> Call[str]:
    """The YAML file of a pipeline."""
    return Call("GET", f"{_path(pipeline_id)}/export", lambda _status, body: body.decode())


def _path(pipeline_id: str) -> str:
    return f"{API}/pipelines/{quote(pipeline_id, safe='')}"
