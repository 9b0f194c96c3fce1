"""Choosing a runtime, also where libraries are missing."""

import subprocess
import sys

import pytest

from shared.catalogue import CatalogueEntry, load_catalogue
from shared.errors import ModelUnusable
from tests.support.models import ROOT
from workers.runtimes import registry
from workers.runtimes.contract import Host


@pytest.fixture
def asl() -> CatalogueEntry:
    return load_catalogue().by_name["asl"]


def _hide(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    for library in libraries:
        monkeypatch.setitem(sys.modules, library, None)  # Python's own sign for "can't be imported"


def test_the_registry_loads_no_heavy_library() -> None:
    heavy = {"torch", "openvino", "mediapipe"}
    code = f"import sys, workers.handlers.inference; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_auto_prefers_torch_on_a_cpu(asl: CatalogueEntry) -> None:
    assert registry.choose(asl, "auto", "CPU") == "torch"


def test_auto_takes_openvino_where_torch_is_missing(asl: CatalogueEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    _hide(monkeypatch, "torch")
    assert registry.choose(asl, "auto", "CPU") == "openvino"
    assert registry.installed() == ["openvino", "mediapipe"]
    assert registry.runnable(asl, {"weights.pth", "openvino-FP32.xml"}, "CPU") == ["openvino"]


def test_a_missing_library_is_named_with_its_remedy(asl: CatalogueEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    _hide(monkeypatch, "torch", "openvino", "mediapipe")
    assert registry.installed() == []
    with pytest.raises(ModelUnusable, match=r"torch isn't installed .*framelane\[torch\].*framelane\[openvino\]"):
        registry.choose(asl, "auto", "CPU")
    with pytest.raises(ModelUnusable, match=r"framelane\[mediapipe\]"):
        registry.load_hands(ROOT, Host())


def test_a_runtime_that_does_not_know_the_model(asl: CatalogueEntry) -> None:
    only_torch = asl.model_copy(update={"runtimes": ["torch"]})
    with pytest.raises(ModelUnusable, match="openvino doesn't run it"):
        registry.choose(only_torch, "openvino", "CPU")


def test_a_device_s_runtimes_are_those_that_can_use_it() -> None:
    """No machine has a ninety-ninth GPU, and PyTorch has nothing for an NPU."""
    assert registry.working("CPU") == registry.installed()
    assert set(registry.installed()) - set(registry.working("GPU.98")) >= {"openvino"}
    assert "torch" not in registry.working("NPU")
    assert "mediapipe" in registry.working("NPU"), "it uses the CPU beside it"
