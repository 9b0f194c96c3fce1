"""What is measured is the same question: peers answer as we do, and the table says what was seen."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx2
import numpy as np
import pytest

from benchmarks.peers.__main__ import _arguments
from benchmarks.peers.contenders import BATCH, PRODUCTS, SERVERS, Contender, Setting, contenders
from benchmarks.peers.load import Seen
from benchmarks.peers.questions import POINTS, Answer, ListOfHands, OpenInference, expected, hands
from benchmarks.peers.report import Report
from benchmarks.peers.serving import Cell, Served
from benchmarks.processes import Memory
from shared.catalogue import load_catalogue
from tests.support.models import model_folder
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.vision.features import hand_features

LABELS = load_catalogue().by_name["asl"].labels


def ours() -> list[Answer]:
    model = registry.load_classifier(load_catalogue().by_name["asl"], model_folder("asl"), "torch", Host())
    rows = np.array([[list(point.values()) for point in hand] for hand in hands()], dtype=np.float32)
    said = model.predict(hand_features(rows.reshape(len(rows), -1)))
    return [Answer(LABELS[row.argmax()], float(row.max())) for row in said]


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    file = model_folder("asl") / "weights.pth"
    monkeypatch.setenv("PEER_WEIGHTS", str(file))
    monkeypatch.setenv("PEER_LABELS", json.dumps(LABELS))
    return file


@pytest.fixture
def fastapi_server(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SERVERS))
    from importlib import import_module

    yield import_module("fastapi_server")
    for name in ("fastapi_server", "network"):
        del sys.modules[name]


@pytest.mark.models
def test_the_right_answers_are_those_of_our_worker(weights: Path) -> None:
    assert all(mine.same_as(right) for mine, right in zip(ours(), expected(weights, LABELS), strict=True))
    assert len({answer.label for answer in ours()}) > 1


@pytest.mark.models
async def test_bare_fastapi_answers_as_we_do(fastapi_server: ModuleType) -> None:
    transport = httpx2.ASGITransport(fastapi_server.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://peer") as http:
        for hand, right in zip(hands(), ours(), strict=True):
            said = await http.post(
                "/predict", content=POINTS.body(hand), headers={"Content-Type": "application/json"}
            )
            assert POINTS.answer(said.content).same_as(right)
        assert (await http.post("/predict", json={"landmarks": hands()[0][:20]})).status_code == 422


def test_answers_of_other_forms_are_read() -> None:
    assert ListOfHands().answer(b'[{"prediction": "a", "confidence": 0.5}]') == Answer("a", 0.5)
    tensors = [{"name": "prediction", "data": ["b"]}, {"name": "confidence", "data": [0.25]}]
    assert OpenInference().answer(json.dumps({"outputs": tensors}).encode()) == Answer("b", 0.25)
    assert json.loads(OpenInference().body(hands()[0]))["inputs"][0]["shape"] == [1, 63]


@pytest.mark.parametrize(
    ("other", "same"),
    [(Answer("a", 0.50009), True), (Answer("a", 0.5002), False), (Answer("b", 0.5), False)],
)
def test_answers_are_the_same_within_the_tolerance(other: Answer, same: bool) -> None:
    assert Answer("a", 0.5).same_as(other) is same


def test_peers_are_chosen_by_name_and_setting() -> None:
    assert {each.product.name for each in contenders([])} == set(PRODUCTS)
    (one,) = contenders(["litserve:2b"])
    assert (one.setting, one.name) == (Setting(2, BATCH), "LitServe (2 workers, batching)")
    assert [each.name for each in contenders(["framelane", "framelane:2"])] == [
        "Framelane",
        "Framelane (2 gateways)",
    ]
    with pytest.raises(KeyError):
        contenders(["tritonserver"])
    assert _arguments(["ray", "--rounds", "1", "--markdown"]).peers == ["ray"]


def test_every_peer_has_its_pins_and_its_server() -> None:
    for name in (each for each in PRODUCTS if PRODUCTS[each].pinned):
        pins = (SERVERS.parent / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
        assert pins
        assert all("==" in pin for pin in pins)
        assert (SERVERS / f"{name}_server.py").is_file()


def served(rate: float) -> Served:
    return Served(1.5, Memory(100, 120), {1: Cell(Seen(9, rate, 2.0, 4.0, 0, 0.1), 0.5)})


def test_the_table_holds_medians_and_compares_with_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report([1])
    for name, rates in {
        "framelane": (100, 400, 260),
        "litserve": (200, 200, 200),
        "fastapi": (520, 520, 520),
    }.items():
        for rate in rates:
            report.add(Contender(PRODUCTS[name], Setting()), served(rate))
    report.absent("Ray Serve (1 worker)", "can't be installed here")
    report.print(markdown=True)
    said = capsys.readouterr().out
    assert "| Framelane | yes | 260, 2.00 / 4.0, 0.50 | 100 / 120 | 1.5 |" in said
    assert "Framelane answers 1.30 x as many as LitServe" in said
    assert "Framelane answers 0.50 x as many as bare FastAPI" in said
    assert "left out: Ray Serve (1 worker): can't be installed here" in said
