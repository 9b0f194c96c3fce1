"""Results of measurements over HTTP: listed, read, compared, deleted."""

from typing import Any

import httpx2
import pytest

from shared.benchmarks import Benchmark, DensityResult, MeasuredRun, PerformanceResult
from tests.support.benchmarks import ENVIRONMENT, benchmark, density, optimize, performance, run, suite, validate
from tests.support.gateway import House

URL = "/api/v1/benchmarks"


def rates(*totals: float, disturbed: str | None = None) -> list[MeasuredRun]:
    """A pipeline of two streams and one of one, in several runs of these rates in all."""
    return [run([each * 0.4, each * 0.3], [each * 0.3], disturbed=disturbed) for each in totals]


def kept(house: House, name: str, result: Any = None, **changes: Any) -> Benchmark:
    made = benchmark(result or performance()).model_copy(update={"id": name, **changes})
    house.benchmarks.keep(made)
    return made


def ran(house: House, **runs: list[MeasuredRun]) -> None:
    """Performance tests with these runs."""
    for name, made in runs.items():
        kept(house, name, performance().model_copy(update={"runs": made, "trusted": True}))


def search(n_streams: int, at_most: int | None = None, **changes: Any) -> DensityResult:
    most = n_streams if at_most is None else at_most
    return density().model_copy(update={"n_streams": n_streams, "at_most": most, **changes})


async def comparison(client: httpx2.AsyncClient, a: str = "a", b: str = "b", **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{URL}/compare", params={"a": a, "b": b, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_benchmark_is_told_whole_and_in_a_list_without_its_result(
    client: httpx2.AsyncClient, house: House
) -> None:
    made = kept(house, "night", device="GPU.0", hardware="An H200")
    told = (await client.get(f"{URL}/night")).json()
    links = told.pop("links")
    assert Benchmark.model_validate(told) == made
    assert links["self"].endswith(f"{URL}/night")
    assert links["artifacts"].endswith(f"/api/v1/jobs/{made.job_id}/artifacts")
    for query in ({}, {"kind": "performance"}, {"device": "GPU.0", "hardware": "h200"}, {"pipeline": "people"}):
        listed = (await client.get(URL, params=query)).json()
        assert listed == {"benchmarks": [made.summary().model_dump(mode="json")], "next_cursor": None}
    assert (await client.get(URL, params={"model": "none"})).json()["benchmarks"] == []


async def test_pages(client: httpx2.AsyncClient, house: House) -> None:
    for number in range(3):
        kept(house, f"b{number}")
    first = (await client.get(URL, params={"limit": 2})).json()
    rest = (await client.get(URL, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for page in (first, rest) for each in page["benchmarks"]] == ["b2", "b1", "b0"]
    assert rest["next_cursor"] is None


async def test_a_deleted_one_is_gone(client: httpx2.AsyncClient, house: House) -> None:
    kept(house, "night")
    assert (await client.delete(f"{URL}/night")).status_code == 204
    for answer in (
        await client.get(f"{URL}/night"),
        await client.delete(f"{URL}/night"),
        await client.get(f"{URL}/compare?a=night&b=night"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:framelane:error:benchmark-not-found")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?kind=inference", "/kind"),
        ("?limit=0", "/limit"),
        ("?limit=100000", "/limit"),
        ("?cursor=mine", "/cursor"),
        ("?device=TPU", "/device"),
        ("?hardvare=x", "/hardvare"),
        ("/compare?a=a", "/b"),
        ("/compare?a=a&b=b&margin=2", "/margin"),
        ("/compare?a=a&b=b&margin=nan", "/margin"),
    ],
)
async def test_wrong_queries(client: httpx2.AsyncClient, query: str, pointer: str) -> None:
    answer = await client.get(URL + query)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("b", "verdict"),
    [
        ([100, 101, 102], "same"),
        ([125, 126, 124], "faster"),
        ([80, 81, 80.5], "slower"),
        ([60, 100, 160], "cannot_tell"),
    ],
)
async def test_performance_is_compared_by_its_runs(
    client: httpx2.AsyncClient, house: House, b: list[float], verdict: str
) -> None:
    ran(house, a=rates(100, 101, 100), b=[*rates(*b), *rates(7, disturbed="a build")])
    told = await comparison(client)
    assert (told["verdict"], told["compared"]) == (verdict, "total_fps")
    assert told["low"] <= told["difference"] <= told["high"]
    assert [each["pipeline_id"] for each in told["pipelines"]] == [
        each.pipeline_id for each in performance().pipelines
    ]
    assert {each["verdict"] for each in told["pipelines"]} == {verdict}
    assert bool(told["reason"]) == (verdict == "cannot_tell")
    assert (told["environment"], told["asked"], told["doubts"]) == ([], [], [])


async def test_a_smaller_margin_is_stricter(client: httpx2.AsyncClient, house: House) -> None:
    ran(house, a=rates(100, 100, 100, 100), b=rates(104, 104, 104, 104))
    assert (await comparison(client))["verdict"] == "same"
    assert (await comparison(client, margin=0.01))["verdict"] == "faster"


async def test_single_runs_cannot_be_compared(client: httpx2.AsyncClient, house: House) -> None:
    ran(house, a=rates(100), b=rates(200))
    told = await comparison(client)
    assert (told["verdict"], told["difference"]) == ("cannot_tell", None)
    assert "two runs" in told["reason"]
    assert {each["verdict"] for each in told["pipelines"]} == {"cannot_tell"}


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (search(6), search(6), "same"),
        (search(6), search(7), "faster"),
        (search(8), search(6), "slower"),
        (search(6, 8), search(7), "cannot_tell"),
        (search(40), search(41), "same"),
        (search(0), search(0), "same"),
        (search(0), search(2), "faster"),
        (search(2), search(0), "slower"),
        (search(0, 3), search(2), "cannot_tell"),
        (search(6), search(6, fps_floor=30.0), "cannot_tell"),
    ],
)
async def test_densities_are_compared_by_the_streams_they_are_sure_of(
    client: httpx2.AsyncClient, house: House, a: DensityResult, b: DensityResult, verdict: str
) -> None:
    kept(house, "a", a)
    kept(house, "b", b)
    told = await comparison(client)
    assert (told["verdict"], told["compared"]) == (verdict, "streams"), told
    assert bool(told["reason"]) == (verdict == "cannot_tell" or 0 in {a.n_streams, b.n_streams})


async def test_optimised_pipelines_are_compared_by_their_figures(client: httpx2.AsyncClient, house: House) -> None:
    fast = optimize()
    kept(house, "a", fast.model_copy(update={"fps": fast.original_fps}))
    kept(house, "b", fast)
    told = await comparison(client)
    assert (told["verdict"], told["difference"]) == ("faster", 0.3)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "same"),
        ({"score": 200.0, "low": 190.0, "high": 220.0}, "faster"),
        ({"score": 60.0, "low": 55.0, "high": 65.0}, "slower"),
        ({"score": 130.0, "low": 60.0, "high": 300.0}, "cannot_tell"),
        ({"low": None, "high": None}, "cannot_tell"),
        ({"score": 0.0, "low": 0.0, "high": 9.0}, "slower"),
        ({"tests": suite().tests[:1]}, "cannot_tell"),
        (dict(suite(fails=True)), "cannot_tell"),
    ],
)
async def test_suites_are_compared_by_their_scores(
    client: httpx2.AsyncClient, house: House, changes: dict[str, Any], verdict: str
) -> None:
    kept(house, "a", suite())
    kept(house, "b", suite().model_copy(update=changes))
    told = await comparison(client)
    assert (told["verdict"], told["compared"], told["pipelines"]) == (verdict, "score", [])
    assert bool(told["reason"]) == (verdict == "cannot_tell" or changes.get("score") == 0)
    names = [each["name"] for each in told["tests"]]
    assert names == [test.name for test in changes.get("tests", suite().tests) if test.figure is not None]
    assert told["tests"][0]["verdict"] == "same"


async def test_tests_of_a_suite_are_found_by_it(client: httpx2.AsyncClient, house: House) -> None:
    kept(house, "b5", suite(fails=True), score=None, unit="points")
    kept(house, "b5.1", parent="b5")
    kept(house, "other")
    found = (await client.get(URL, params={"parent": "b5"})).json()["benchmarks"]
    assert [(each["id"], each["parent"]) for each in found] == [("b5.1", "b5")]
    (whole,) = (await client.get(URL, params={"kind": "suite"})).json()["benchmarks"]
    assert (whole["score"], whole["unit"]) == (None, "points")


async def test_what_else_differs_is_told(client: httpx2.AsyncClient, house: House) -> None:
    newer = ENVIRONMENT.model_copy(
        update={"fingerprint": "f", "parts": {**ENVIRONMENT.parts, "kernel": "6.2.0"}, "models": {}}
    )
    ran(house, a=rates(100, 101, 100))
    other: PerformanceResult = performance().model_copy(update={"runs": rates(99, 98, 99), "environment": newer})
    kept(house, "b", other, spec={"duration_s": 20.0, "name": "another", "specs": [{"x": "y" * 900}]})
    told = await comparison(client)
    assert [(each["name"], each["a"], each["b"]) for each in told["environment"]] == [
        ("kernel", "6.1.0", "6.2.0"),
        ("model person-ssdlite", "7a" * 32, ""),
    ]
    assert [each["name"] for each in told["asked"]] == ["spec duration_s", "spec specs"]
    assert len(told["asked"][1]["b"]) == 200
    assert len(told["doubts"]) == 2
    assert "b was disturbed" in told["doubts"][0]


@pytest.mark.parametrize(
    ("a", "b", "pointer"), [("rate", "verdict", "/b"), ("verdict", "rate", "/a"), ("rate", "search", "/b")]
)
async def test_only_two_of_one_kind_with_rates(
    client: httpx2.AsyncClient, house: House, a: str, b: str, pointer: str
) -> None:
    for name, result in (("rate", performance()), ("search", density()), ("verdict", validate())):
        kept(house, name, result)
    answer = await client.get(f"{URL}/compare", params={"a": a, "b": b})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
