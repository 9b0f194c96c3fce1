"""Results of measurements, which are kept until somebody deletes them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.dependencies import Here
from api.reference import problems
from api.services.comparing import compared
from api.views import PREFIX, base_url, job_url
from shared.benchmarks import Benchmark, BenchmarkComparison, BenchmarkSummary, MeasuredKind
from shared.devices import DeviceRequest
from shared.errors import InvalidSpec
from shared.measure.compare import MARGIN
from shared.ports import BenchmarkQuery
from shared.results import Answer

router = APIRouter(tags=["benchmarks"])

BenchmarkId = Annotated[str, Path(max_length=100, description="`benchmark_id` of a result")]
Compared = Annotated[str, Query(min_length=1, max_length=100, description="a benchmark's id")]
Part = Annotated[str | None, Query(min_length=1, max_length=200)]


class BenchmarkLinks(Answer):
    """Where to go from a benchmark. ``artifacts``: its report, for as long as the job is kept."""

    self: str
    job: str
    artifacts: str


class BenchmarkView(Benchmark):
    """A benchmark, and where to go from it."""

    links: BenchmarkLinks


class BenchmarkList(Answer):
    """What was measured last stands first. ``next_cursor`` is null at the end; a page can be short before it."""

    benchmarks: list[BenchmarkSummary]
    next_cursor: str | None


@router.get("/benchmarks", responses=problems(422, 503))
async def list_benchmarks(
    here: Here,
    *,
    kind: MeasuredKind | None = None,
    device: DeviceRequest | None = None,
    hardware: Annotated[Part, Query(description="part of the hardware's name, in upper or lower case")] = None,
    pipeline: Annotated[Part, Query(description="as results call it, or the id of a pipeline")] = None,
    model: Annotated[Part, Query(description="a model that took part")] = None,
    parent: Annotated[Part, Query(description="the benchmark of a suite: its tests")] = None,
    limit: Annotated[int, Query(ge=1)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> BenchmarkList:
    """List benchmarks, the latest first, one page at a time."""
    if limit > here.settings.limits.page:
        raise InvalidSpec(("/limit", f"must be at most {here.settings.limits.page}"))
    query = BenchmarkQuery(kind, device, hardware, pipeline, model, parent, limit, cursor)
    page = await here.parts.benchmarks.find(query)
    return BenchmarkList(benchmarks=page.benchmarks, next_cursor=page.next_cursor)


@router.get("/benchmarks/compare", responses=problems(404, 422, 503))
async def compare_benchmarks(
    here: Here,
    a: Compared,
    b: Compared,
    margin: Annotated[
        float, Query(ge=0, le=1, allow_inf_nan=False, description="smaller differences are of no matter")
    ] = MARGIN,
) -> BenchmarkComparison:
    """Whether b is faster than a, slower or the same, and what else differs between them."""
    store = here.parts.benchmarks
    return compared(await store.get(a), await store.get(b), margin)


@router.get(
    "/benchmarks/{benchmark_id}",
    responses={200: {"model": BenchmarkView}} | problems(404, 503),
    response_model=None,
)
async def get_benchmark(request: Request, here: Here, benchmark_id: BenchmarkId) -> Response:
    """One benchmark, with every run it is made of."""
    found = await here.parts.benchmarks.get(benchmark_id)
    base = base_url(request)
    job = job_url(base, found.job_id)
    links = BenchmarkLinks(self=f"{base}{PREFIX}/benchmarks/{found.id}", job=job, artifacts=f"{job}/artifacts")
    text = f'{found.model_dump_json()[:-1]},"links":{links.model_dump_json()}}}'
    return Response(text, media_type="application/json")


@router.delete("/benchmarks/{benchmark_id}", status_code=204, responses=problems(404, 503))
async def delete_benchmark(here: Here, benchmark_id: BenchmarkId) -> Response:
    """Forget a benchmark. Its job, if that is kept still, stays."""
    await here.parts.benchmarks.remove(benchmark_id)
    return Response(status_code=204)
