"""Recipes of images: what can be known about them without building any."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.chart import CHART
from tests.support.models import ROOT
from workers.gst.gi_path import APT

RECIPES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
FINAL = {"gateway": ["-"], "worker": ["cpu", "gpu-nvidia", "gpu-intel", "npu"]}


def stages(recipe: Path) -> dict[str, list[str]]:
    """Instructions by the stage's name, those of the stages it is made from first. ``-`` has none."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n", " ", recipe.read_text("utf-8")).splitlines():
        if start := re.match(r"FROM (\S+)(?: AS (\S+))?", line):
            current = found.setdefault(start[2] or "-", list(found.get(start[1], [])))
        elif found and not line.startswith("#") and line:
            current.append(" ".join(line.split()))
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_hadolint_finds_nothing(recipe):
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--no-color", recipe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("name", "stage"), [(name, stage) for name, all_of in FINAL.items() for stage in all_of])
def test_images_run_as_nobody_and_can_be_checked(name, stage):
    recipe = ROOT / "deploy" / "docker" / f"{name}.Dockerfile"
    said = stages(recipe)[stage]
    users = [line for line in said if line.startswith("USER ")]
    assert users[-1] == "USER 10001:10001"
    assert any(line.startswith("HEALTHCHECK ") for line in said)
    assert any(line.startswith("LABEL ") and "org.opencontainers.image.revision" in line for line in said)
    assert f'ENTRYPOINT ["framelane-{name}"]' in said


def test_the_chart_names_targets_that_there_are():
    schema = (CHART / "values.schema.json").read_text("utf-8")
    targets = yaml.safe_load(schema)["properties"]["workerDefaults"]["properties"]["image"]["properties"]["target"]
    assert set(targets["enum"]) - {""} == set(FINAL["worker"])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_what_is_installed_and_copied_exists(recipe):
    text = recipe.read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extras in re.findall(r'"\.\[(.*?)\]"', text):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert set(copied.split()) <= allowed
        assert all((ROOT / each).exists() for each in copied.split())
    assert set(re.findall(r"ARG VERSION=(\S+)", text)) == {project["version"]}


def test_workers_of_debian_have_what_pipelines_need():
    needed = {word for word in APT.split() if re.match(r"gstreamer|python3|gir", word)}
    installed = " ".join(stages(ROOT / "deploy" / "docker" / "worker.Dockerfile")["cpu"]).split()
    assert needed <= set(installed)
