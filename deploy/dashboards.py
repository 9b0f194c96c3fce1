"""Makes Grafana's dashboards: ``python -m deploy.dashboards``. Each panel is a title, a unit and its queries.

Written for Compose and, the same files, for the Helm chart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGETS = (ROOT / "deploy" / "grafana" / "dashboards", ROOT / "helm" / "framelane" / "files" / "dashboards")

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """``queries``: PromQL by legend; ``unit``: one of Grafana's."""

    title: str
    unit: str
    queries: Mapping[str, str]


def _quantiles(metric: str, by: str, legend: str) -> dict[str, str]:
    """Median and 99th percentile of a histogram, by its labels."""
    return {
        f"{name} {legend}": f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{_RATE})))"
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def _one(query: str, legend: str = "all") -> dict[str, str]:
    return {legend: query}


DASHBOARDS: Mapping[str, tuple[str, Sequence[Panel]]] = {
    "gateway": (
        "Framelane: gateway",
        (
            Panel(
                "Requests a second",
                "reqps",
                _one(f"sum by (status) (rate(framelane_http_request_seconds_count{_RATE}))", "{{status}}"),
            ),
            Panel(
                "Server errors, of all requests",
                "percentunit",
                _one(
                    f'sum(rate(framelane_http_request_seconds_count{{status="5xx"}}{_RATE})) '
                    f"/ sum(rate(framelane_http_request_seconds_count{_RATE}))"
                ),
            ),
            Panel("Time to answer", "s", _quantiles("framelane_http_request_seconds", "route", "{{route}}")),
            Panel(
                "Jobs accepted a second",
                "ops",
                _one(f"sum by (kind, lane) (rate(framelane_jobs_accepted_total{_RATE}))", "{{kind}} {{lane}}"),
            ),
            Panel(
                "Who is connected",
                "short",
                {
                    "WebSockets": "sum(framelane_websocket_clients)",
                    "followers": "sum(framelane_followers)",
                    "live sessions": "sum(framelane_live_sessions)",
                },
            ),
            Panel(
                "Processor and memory",
                "short",
                {
                    "cores {{instance}}": f"rate(framelane_gateway_cpu_seconds_total{_RATE})",
                    "GiB {{instance}}": "framelane_gateway_resident_bytes / 2^30",
                },
            ),
        ),
    ),
    "lanes": (
        "Framelane: lanes",
        (
            Panel("Jobs that wait", "short", _one("max by (lane) (framelane_lane_depth)", "{{lane}}")),
            Panel(
                "The first has waited",
                "s",
                _one("max by (lane) (framelane_lane_oldest_wait_seconds)", "{{lane}}"),
            ),
            Panel(
                "Slots at work",
                "percentunit",
                _one(
                    "max by (lane) (framelane_lane_busy_slots) / (max by (lane) (framelane_lane_slots) > 0)",
                    "{{lane}}",
                ),
            ),
            Panel(
                "Attempts ended a second",
                "ops",
                _one(
                    f"sum by (kind, lane, outcome) (rate(framelane_jobs_ended_total{_RATE}))",
                    "{{kind}} {{lane}} {{outcome}}",
                ),
            ),
            Panel("Wait for a worker", "s", _quantiles("framelane_job_wait_seconds", "lane", "{{lane}}")),
            Panel("Time of a run", "s", _quantiles("framelane_job_run_seconds", "kind", "{{kind}}")),
            Panel(
                "Trouble a minute",
                "short",
                {
                    "again: {{code}}": "sum by (code) (increase(framelane_job_retries_total[1m]))",
                    "attempts lost": "sum(increase(framelane_attempts_lost_total[1m]))",
                    "workers died": "sum(changes(framelane_worker_deaths_total[1m]))",
                },
            ),
            Panel(
                "Time of a model",
                "s",
                _quantiles("framelane_inference_seconds", "model, runtime", "{{model}} {{runtime}}"),
            ),
            Panel(
                "Rows that go through a model together",
                "short",
                _one(
                    f"sum by (model) (rate(framelane_inference_batch_rows_sum{_RATE})) "
                    f"/ sum by (model) (rate(framelane_inference_batch_rows_count{_RATE}))",
                    "{{model}}",
                ),
            ),
            Panel(
                "How sure models are (median)",
                "percentunit",
                _one(
                    "histogram_quantile(0.5, sum by (le, model) "
                    f"(rate(framelane_inference_confidence_bucket{_RATE})))",
                    "{{model}}",
                ),
            ),
            Panel(
                "Callbacks a minute",
                "short",
                _one("sum by (end) (increase(framelane_webhook_tries_total[1m]))", "{{end}}"),
            ),
        ),
    ),
    "devices": (
        "Framelane: devices",
        (
            Panel("Processors", "percentunit", _one("max by (host) (framelane_host_cpu_ratio)", "{{host}}")),
            Panel(
                "Memory",
                "percentunit",
                _one(
                    "max by (host) (framelane_host_memory_used_bytes) "
                    "/ max by (host) (framelane_host_memory_bytes)",
                    "{{host}}",
                ),
            ),
            Panel(
                "GPUs and NPUs",
                "percentunit",
                {
                    "GPU {{host}} {{device}}": "max by (host, device) (framelane_gpu_busy_ratio)",
                    "NPU {{host}} {{device}}": "max by (host, device) (framelane_npu_busy_ratio)",
                },
            ),
            Panel(
                "Memory of GPUs",
                "bytes",
                _one("max by (host, device) (framelane_gpu_memory_used_bytes)", "{{host}} {{device}}"),
            ),
            Panel(
                "Power",
                "watt",
                {
                    "{{host}}": "max by (host) (framelane_host_power_watts)",
                    "GPU {{host}} {{device}}": "max by (host, device) (framelane_gpu_power_watts)",
                },
            ),
            Panel(
                "Heat",
                "celsius",
                {
                    "{{host}}": "max by (host) (framelane_host_temperature_celsius)",
                    "GPU {{host}} {{device}}": "max by (host, device) (framelane_gpu_temperature_celsius)",
                },
            ),
            Panel(
                "Clocks",
                "hertz",
                {
                    "{{host}}": "max by (host) (framelane_host_cpu_hertz)",
                    "GPU {{host}} {{device}}": "max by (host, device) (framelane_gpu_clock_hertz)",
                },
            ),
            Panel(
                "Memory of workers",
                "bytes",
                _one("max by (host, lane) (framelane_worker_resident_bytes)", "{{host}} {{lane}}"),
            ),
            Panel(
                "Devices taken by a benchmark",
                "short",
                _one("max by (host, device) (framelane_device_leased)", "{{host}} {{device}}"),
            ),
        ),
    ),
    "pipelines": (
        "Framelane: pipelines",
        (
            Panel(
                "Frames a second of each stream",
                "short",
                _one("framelane_pipeline_stream_fps", "{{instance}} {{slot}}.{{stream}}"),
            ),
            Panel(
                "Frames a second of each pipeline",
                "short",
                _one("framelane_pipeline_fps", "{{instance}} {{slot}}"),
            ),
            Panel(
                "Pipelines ended a minute",
                "short",
                _one(
                    'sum by (outcome) (increase(framelane_jobs_ended_total{kind="pipeline"}[1m]))',
                    "{{outcome}}",
                ),
            ),
            Panel(
                "Frames of live sessions a second",
                "ops",
                _one(f"sum by (end) (rate(framelane_session_frames_total{_RATE}))", "{{end}}"),
            ),
            Panel(
                "A frame's wait",
                "s",
                _quantiles("framelane_session_frame_wait_seconds", "job", ""),
            ),
            Panel(
                "Work on a frame",
                "s",
                _quantiles("framelane_session_frame_run_seconds", "job", ""),
            ),
        ),
    ),
}
"""By the name of the file: title and panels."""


def rendered(name: str) -> str:
    """A dashboard as Grafana reads it."""
    title, panels = DASHBOARDS[name]
    board = {
        "uid": f"framelane-{name}",
        "title": title,
        "tags": ["framelane"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }
    return json.dumps(board, indent=1) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    place = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    queries = [
        {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend.strip(), "datasource": _SOURCE}
        for at, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": queries,
    }


if __name__ == "__main__":
    for folder in TARGETS:
        folder.mkdir(parents=True, exist_ok=True)
        for each in DASHBOARDS:
            (folder / f"{each}.json").write_text(rendered(each), "utf-8")
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "framelane.yml").read_text("utf-8")
    (ROOT / "helm" / "framelane" / "files" / "rules.yml").write_text(rules, "utf-8")
