"""Operations on benchmarks as values. No I/O."""

from urllib.parse import quote, urlencode

from pydantic import TypeAdapter

from client.sdk.answers import BenchmarkList, SuiteList
from client.sdk.calls import API, Call
from shared.benchmarks import Benchmark, BenchmarkComparison
from shared.suites import Suite

_LIST: TypeAdapter[BenchmarkList] = TypeAdapter(BenchmarkList)
_ONE: TypeAdapter[Benchmark] = TypeAdapter(Benchmark)
_SUITES: TypeAdapter[SuiteList] = TypeAdapter(SuiteList)
_COMPARED: TypeAdapter[BenchmarkComparison] = TypeAdapter(BenchmarkComparison)


def benchmarks(**given: str | int | None) -> Call[BenchmarkList]:
    """One page; ``given``: parameters of the query, None for those that aren't."""
    query = _query(**given)
    return Call("GET", f"{API}/benchmarks{query}", lambda _status, body: _LIST.validate_json(body))


def benchmark(benchmark_id: str) -> Call[Benchmark]:
    """One, with its runs."""
    return Call("GET", _path(benchmark_id), lambda _status, body: _ONE.validate_json(body))


def delete_benchmark(benchmark_id: str) -> Call[None]:
    """Away with it."""
    return Call("DELETE", _path(benchmark_id), lambda _status, _body: None)


def compare_benchmarks(a: str, b: str, margin: float | None) -> Call[BenchmarkComparison]:
    """How b differs from a."""
    query = _query(a=a, b=b, margin=margin)
    return Call("GET", f"{API}/benchmarks/compare{query}", lambda _status, body: _COMPARED.validate_json(body))


def suites() -> Call[list[Suite]]:
    """Those that ship."""
    return Call("GET", f"{API}/suites", lambda _status, body: _SUITES.validate_json(body).suites)


def _query(**given: str | float | None) -> str:
    query = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(query)}" if query else ""


def _path(benchmark_id: str) -> str:
    return f"{API}/benchmarks/{quote(benchmark_id, safe='')}"
