"""Dashboards, alerts and the page of metrics fit what the code tells."""

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml

from deploy import dashboards, metrics_reference
from deploy.dashboards import ROOT

RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules/framelane.yml").read_text("utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
RUNBOOKS = ROOT / "docs/how-to/runbooks"


def queries() -> Iterator[tuple[str, str]]:
    """What somebody asks Prometheus, by where it stands."""
    for name in dashboards.DASHBOARDS:
        for panel in json.loads(dashboards.rendered(name))["panels"]:
            for target in panel["targets"]:
                yield f"{name}/{panel['title']}/{target['refId']}", target["expr"]
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]


def labels_of(query: str) -> set[str]:
    """What results are told apart by, or chosen by."""
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    chosen = re.findall(r"[{,](\w+)(?:=|!|~)", query)
    return {name.strip() for some in grouped for name in some.split(",")} | set(chosen)


@pytest.mark.parametrize(("place", "query"), list(queries()))
def test_a_query_is_promql_and_asks_for_what_there_is(place: str, query: str) -> None:
    promql_parser.parse(query.replace("$__rate_interval", "5m"))  # raises ValueError
    asked = set(re.findall(r"\bframelane_\w+", query))
    assert asked, place
    assert asked <= metrics_reference.names(), place
    known = {
        label for told in (*metrics_reference.gateway(), *metrics_reference.worker()) for label in told.labels
    }
    assert labels_of(query) <= known | {"le", "job", "instance"}, place


def test_what_is_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unexpected|unclosed|invalid"):
        promql_parser.parse("sum by (lane) (rate(framelane_lane_depth[5m])")


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    pages = {alert["annotations"]["runbook"] for alert in ALERTS}
    assert pages == {f"docs/how-to/runbooks/{path.name}" for path in RUNBOOKS.iterdir()}
    for path in RUNBOOKS.iterdir():
        text = path.read_text("utf-8")
        assert "**Look at**" in text
        assert "**Do**" in text
        for link in re.findall(r"\]\((\S+?\.md)\)", text):
            assert (RUNBOOKS / link).exists()
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"]["summary"]


def test_what_alerts_say_of_labels_their_queries_have() -> None:
    for alert in ALERTS:
        named = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
        assert named <= labels_of(alert["expr"]), alert["alert"]


def test_committed_files_are_those_that_the_code_makes() -> None:
    for folder in dashboards.TARGETS:
        assert {path.stem for path in folder.iterdir()} == set(dashboards.DASHBOARDS)
        for name in dashboards.DASHBOARDS:
            assert (folder / f"{name}.json").read_text("utf-8") == dashboards.rendered(name), "run: make contracts"
    rules = (ROOT / "deploy/prometheus/rules/framelane.yml").read_text("utf-8")
    assert (ROOT / "helm/framelane/files/rules.yml").read_text("utf-8") == rules, "run: make contracts"
    assert metrics_reference.TARGET.read_text("utf-8") == metrics_reference.render(), "run: make contracts"


def test_names_are_as_prometheus_wants_them() -> None:
    told = [
        each for each in (*metrics_reference.gateway(), *metrics_reference.worker()) if "framelane" in each.name
    ]
    assert len(told) > 30
    for each in told:
        assert re.fullmatch(r"framelane_[a-z_]+", each.name)
        assert (each.kind == "counter") == each.name.endswith("_total")
        assert not re.search(r"_(ms|millis|mb|percent|kb|minutes)\b", each.name)
        assert each.about.endswith(".")
        assert not {"job", "job_id", "session", "session_id", "request_id", "tenant", "caller"} & set(each.labels)
