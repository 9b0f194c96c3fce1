"""Reports of results."""

import csv
import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from shared.benchmarks import AnyMeasured, Benchmark
from tests.support import benchmarks as made
from workers.reports.page import DOCUMENT, PAGE, TABLE, render

RESULTS = [
    made.density(),
    made.performance(),
    made.optimize(),
    made.validate(),
    made.suite(),
    made.validate_model(),
]


class _Balanced(HTMLParser):
    """Fails on tags that aren't closed in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("result", RESULTS, ids=lambda each: each.kind)
def test_a_report_is_whole_and_stands_alone(result: AnyMeasured) -> None:
    benchmark = made.benchmark(result)
    files = render(benchmark)
    page = files[PAGE].decode()
    parser = _Balanced()
    parser.feed(page)
    assert not parser.open
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "&lt;test&gt;" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)
    assert Benchmark.model_validate_json(files[DOCUMENT]) == benchmark
    assert list(csv.DictReader(io.StringIO(files[TABLE].decode())))


def test_density_tells_its_answer_and_every_step() -> None:
    files = render(made.benchmark(made.density()))
    page = files[PAGE].decode()
    assert "6 streams" in page
    assert page.count("<svg") == 2
    table = list(csv.DictReader(io.StringIO(files[TABLE].decode())))
    assert [row["streams"] for row in table] == ["1", "3", "6", "7", "9"]
    assert [row["judgement"] for row in table] == ["keeps", "keeps", "keeps", "misses", "misses"]


def test_a_number_that_could_not_be_run_is_told_with_its_reason() -> None:
    files = render(made.benchmark(made.density(fails=True)))
    assert "couldn't be run: the pipeline's process was killed &lt;by" in html.unescape(
        files[PAGE].decode()
    ).replace("<", "&lt;")
    last = list(csv.DictReader(io.StringIO(files[TABLE].decode())))[-1]
    assert (last["streams"], last["fps_runs"], last["judgement"]) == ("14", "0", "misses")
    assert last["failed"].startswith("the pipeline's process was killed")


def test_figures_of_disturbed_runs_come_with_a_warning() -> None:
    assert "don't decide" in render(made.benchmark(made.performance()))[PAGE].decode()
    assert "don't decide" not in render(made.benchmark(made.density()))[PAGE].decode()


def test_a_suite_tells_each_test_and_why_there_is_no_score() -> None:
    page = render(made.benchmark(made.suite()))[PAGE].decode()
    assert "126 points" in page
    assert "between 121.0 and 141.0" in page
    files = render(made.benchmark(made.suite(fails=True)))
    page = files[PAGE].decode()
    assert "no score" in page
    assert "there is no result of till" in page
    assert "no frame came &lt;&amp;&gt;" in page
    rows = list(csv.DictReader(io.StringIO(files[TABLE].decode())))
    assert [(row["name"], row["ratio"]) for row in rows] == [("entrance", "2.0"), ("shelves", "0.5"), ("till", "")]


def test_the_same_result_gives_the_same_page() -> None:
    first, second = (render(made.benchmark(made.density()))[PAGE] for _ in range(2))
    assert first == second


def test_pages_can_be_opened(tmp_path: Path) -> None:
    for name, content in render(made.benchmark(made.optimize())).items():
        (tmp_path / name).write_bytes(content)
    assert (tmp_path / PAGE).stat().st_size < 500_000
