"""What a worker counts, and where Prometheus asks it."""

import socket
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from shared.devices import Device, DeviceInfo
from shared.predictions import BatchPrediction, GesturePrediction
from shared.settings import MetricsSettings
from tests.support.gateway import result_of
from workers import meters
from workers.machine import MachineLook
from workers.rates import Rates
from workers.scrape import Scrape


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def told(port: int) -> dict[str, float]:
    """Sums over all labels."""
    found: dict[str, float] = {}
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def test_counts_are_served_at_a_port_of_their_own() -> None:
    port = free_port()
    scrape = Scrape(MetricsSettings(port=port))
    scrape.start()
    try:
        before = told(port)
        meters.inferred("asl", "torch", "CPU", 0.002, 8)
        meters.answered(result_of(GesturePrediction(label="b", confidence=0.9, top=[])))
        meters.webhook_tried("delivered")
        meters.frame_ended("result", 0.01, 0.02)
        meters.attempt_lost()
        after = told(port)
    finally:
        scrape.stop()
    for name in ("inference_seconds_count", "inference_confidence_count", "webhook_tries_total"):
        assert after[f"framelane_{name}"] - before.get(f"framelane_{name}", 0) == 1
    assert after["framelane_inference_batch_rows_sum"] - before.get("framelane_inference_batch_rows_sum", 0) == 8
    assert after["process_resident_memory_bytes"] > 0
    with pytest.raises(OSError, match="refused"):
        told(port)


def test_a_port_that_is_taken_keeps_nobody_from_working() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as said:
        scrape = Scrape(MetricsSettings(port=taken.getsockname()[1]))
        scrape.start()
        scrape.stop()
    assert [line["event"] for line in said] == ["metrics_not_served"]


def test_of_a_million_rows_some_are_looked_at() -> None:
    rows = BatchPrediction(rows=1_000, classes=["a"], indices=[0] * 1_000, confidences=[0.5] * 1_000)
    name = "framelane_inference_confidence_count"
    before = meters.REGISTRY.get_sample_value(name, {"model": "asl"}) or 0.0
    meters.answered(result_of(rows, rows))
    assert (meters.REGISTRY.get_sample_value(name, {"model": "asl"}) or 0.0) - before == 64


def test_models_beyond_some_hundred_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "_names", set())
    names = {meters.bounded(f"model-{number}") for number in range(1_000)}
    assert len(names) == 201
    assert meters.bounded("model-7") == "model-7"
    assert meters.bounded("model-999") == meters.OTHER


def test_pipelines_have_the_first_free_slot_while_they_run() -> None:
    rates = Rates()
    with rates.of_one() as first:
        first.update({0: 30.0, 1: 29.5})
        with rates.of_one() as second:
            second[0] = 10.0
            assert [slot for slot, _ in rates.now()] == [0, 1]
            assert [(each.slot, each.streams, each.fps) for each in rates.told()] == [
                (0, 2, 59.5),
                (1, 1, 10.0),
            ]
        with rates.of_one():
            assert [slot for slot, _ in rates.now()] == [0, 1]
    assert rates.now() == []


def test_a_machine_tells_what_it_has() -> None:
    look = MachineLook(DeviceInfo(id="CPU", family=Device.CPU, full_name="A CPU"), 5.0)
    assert look.figures == {}
    look.look()
    assert 0 <= look.figures["cpu_percent"] <= 100
    assert 0 < look.figures["memory_used_bytes"] <= look.figures["memory_total_bytes"]
    assert not [name for name in look.figures if name.startswith("gpu")]
