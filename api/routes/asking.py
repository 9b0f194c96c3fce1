"""Questions answered at once: a job with one input, with the wait inside."""

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api import problems
from api.dependencies import caller_of, preferred_wait, travelling_headers
from api.gateway import Gateway
from api.headers import header
from api.reference import Responses
from api.services.prepare import Prepared
from api.services.questions import Numbers
from api.services.submit import Ticket
from api.uploads import Upload
from api.views import ArtifactView, JobView, base_url, job_json, job_url
from shared.devices import AUTO, DeviceRequest
from shared.errors import InvalidSpec, JobCancelled
from shared.inputs import FileInput, InferenceInput, Wire
from shared.jobs import Completed, Failed, JobRecord
from shared.results import InferenceResult
from shared.specs import InferenceOptions, InferenceSpec

JSON = "application/json"

PENDING: Responses = {202: {"model": JobView, "description": "The wait ran out; this is the job that goes on"}}


class PhotoChoices(Wire):
    """What a query can say about any question."""

    device: DeviceRequest = AUTO
    priority: Annotated[int, Field(ge=0, le=9, description="0 lowest, 9 highest")] = 5
    mirror: Annotated[bool, Field(description="flip left and right before looking for hands")] = False
    annotate: Annotated[bool, Field(description="keep a drawing of the result as an artifact")] = False


class Timings(BaseModel):
    """Milliseconds. ``total_ms``: from acceptance to the end; the last four: inside the worker."""

    total_ms: float
    queue_wait_ms: float
    run_ms: float
    decode_ms: float
    landmarks_ms: float
    model_ms: float
    annotate_ms: float


class Answered(BaseModel):
    """What every answer says of its job."""

    model: str
    version: str
    runtime: str
    device: str
    job_id: str
    timings: Timings
    artifacts: list[ArtifactView]


async def ask(
    request: Request, here: Gateway, model: str, asked: Numbers | Upload, choices: PhotoChoices, photo_part: str
) -> JobRecord:
    """The job of one input, as it ended or as it is when the wait has run out. Raises as a submitted job does.

    ``photo_part``: what the photo is called among the files of an upload.
    """
    wait_s = preferred_wait(header(request.scope, b"prefer"), here.settings.limits.wait_s)
    try:
        prepared = await _prepared(here, model, asked, choices, photo_part)
    except InvalidSpec as error:
        raise InvalidSpec(*((_renamed(pointer), message) for pointer, message in error.broken)) from None
    ticket = Ticket(headers=travelling_headers(request), caller=caller_of(request))
    patience_s = here.settings.jobs.predict_wait_s if wait_s is None else wait_s
    return (await here.intake.accept(prepared, ticket, patience_s, brief=True)).seen.read()


async def _prepared(
    here: Gateway, model: str, asked: Numbers | Upload, choices: PhotoChoices, photo_part: str
) -> Prepared:
    if isinstance(asked, Numbers):
        return here.questions.prepared(model, asked, choices, lambda form: _spec(model, form, choices))
    spec = _spec(model, FileInput(file=photo_part), choices)
    return await here.submitter.prepare(asked.size, lambda preparer: preparer.from_spec(spec, asked.files))


def _spec(model: str, item: InferenceInput, choices: PhotoChoices) -> InferenceSpec:
    options = InferenceOptions.model_validate(choices.model_dump(exclude={"device", "priority"}))
    return InferenceSpec(
        model=model, inputs=[item], device=choices.device, priority=choices.priority, options=options
    )


def completed(record: JobRecord, request: Request) -> InferenceResult | Response:
    """The result, or the response for a job that has none: 202 while it goes on, else a problem."""
    match record.outcome:
        case Completed(result=InferenceResult() as result):
            return result
        case Failed(error=error):
            return problems.of_failure(error, request.url.path, record.id)
        case None:
            base = base_url(request)
            headers = {"Location": job_url(base, record.id)}
            return Response(job_json(record, base), 202, headers, JSON)
        case _:
            return problems.of_error(JobCancelled(), request.url.path)


def nothing_detected(record: JobRecord, request: Request) -> Response:
    """404: the photo shows nothing the model looks for."""
    detail = "the photo shows nothing the model looks for"
    return problems.problem(
        404, "nothing-detected", "Nothing detected", detail, request.url.path, job_id=record.id
    )


def about(record: JobRecord, result: InferenceResult, request: Request) -> dict[str, Any]:
    """The fields of ``Answered``."""
    waited_ms, ran_ms, inside = record.queue_wait_ms or 0.0, record.run_ms or 0.0, result.timings
    base = job_url(base_url(request), record.id) if record.artifacts else ""
    return {
        "model": result.model,
        "version": result.version,
        "runtime": result.runtime,
        "device": result.device,
        "job_id": record.id,
        "timings": Timings(
            total_ms=round(waited_ms + ran_ms, 3),
            queue_wait_ms=waited_ms,
            run_ms=ran_ms,
            decode_ms=inside.decode_ms,
            landmarks_ms=inside.landmarks_ms,
            model_ms=inside.model_ms,
            annotate_ms=inside.annotate_ms,
        ),
        "artifacts": [ArtifactView.of(artifact, base) for artifact in record.artifacts],
    }


def json_response(answer: BaseModel) -> Response:
    """The answer, written once."""
    return Response(answer.model_dump_json(), media_type=JSON)


def _renamed(pointer: str) -> str:
    """A place in the spec we made, as a place in what the client sent: its photo, its document, its query."""
    if pointer == "/inputs/0/file":
        return "/image"
    return pointer.removeprefix("/inputs/0").removeprefix("/options")
