"""What `bench` is given, as specs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from client.cli import specs
from client.cli.output import WrongUsage

_WHOLE = 100


@dataclass(frozen=True)
class Asked:
    """What every measurement is asked with. ``fields``: of its spec, as they stand there."""

    kind: str
    pipelines: Sequence[str] = ()
    inputs: Sequence[str] = ()
    common: specs.Common = field(default_factory=specs.Common)
    fields: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def rest(self) -> dict[str, Any]:
        """Without the pipelines."""
        return {"kind": self.kind, **self.fields, **self.common.fields()}


def written(asked: Asked) -> dict[str, Any] | None:
    """The spec that stands in a file, on stdin or in the argument; None where pipelines are named. WrongUsage."""
    source = asked.pipelines[0]
    if len(asked.pipelines) > 1 or not (
        source == "-" or source.lstrip().startswith("{") or Path(source).is_file()
    ):
        return None
    if asked.inputs:
        msg = "--input belongs to pipelines; a spec says itself what they read"
        raise WrongUsage(msg)
    spec = specs.written(source, (), asked.common).spec
    if spec.setdefault("kind", asked.kind) != asked.kind:
        msg = f"that is a spec of kind {spec['kind']}, not {asked.kind}"
        raise WrongUsage(msg)
    return {**spec, **asked.fields}


def performance(asked: Asked) -> dict[str, Any]:
    """``ID/VARIANT`` or ``ID/VARIANT:STREAMS`` of each pipeline. Raises WrongUsage."""
    if (spec := written(asked)) is not None:
        return spec
    loads = [_load(each) for each in asked.pipelines]
    return {**asked.rest, "specs": _with_inputs(loads, asked.inputs)}


def density(asked: Asked) -> dict[str, Any]:
    """``ID/VARIANT:RATE%`` or ``ID/VARIANT:STREAMS`` of each; one alone has all of them. Raises WrongUsage."""
    if (spec := written(asked)) is not None:
        return spec
    shares = [_share(each, alone=len(asked.pipelines) == 1) for each in asked.pipelines]
    return {**asked.rest, "specs": _with_inputs(shares, asked.inputs)}


def single(asked: Asked) -> dict[str, Any]:
    """``ID/VARIANT`` or ``ID/VARIANT:STREAMS`` of one pipeline. Raises WrongUsage."""
    if not asked.pipelines:
        msg = f"`bench {asked.kind}` takes a pipeline, as ID/VARIANT"
        raise WrongUsage(msg)
    if (spec := written(asked)) is not None:
        return spec
    if len(asked.pipelines) != 1:
        msg = f"`bench {asked.kind}` takes one pipeline, as ID/VARIANT"
        raise WrongUsage(msg)
    (load,) = _with_inputs([_load(asked.pipelines[0])], asked.inputs)
    return {**asked.rest, **load}


def suite(source: str, common: specs.Common, name: str | None) -> dict[str, Any]:
    """The name of one that ships, or a suite: a YAML file like those, or a spec in a file, on stdin, as it is.

    Raises WrongUsage.
    """
    if source.endswith((".yaml", ".yml")):
        spec = {**_suite_file(Path(source)), **common.fields()}
    else:
        named = {"kind": "suite", "suite": source, **common.fields()}
        spec = written(Asked("suite", [source], common=common)) or named
    return {**spec, "name": name} if name is not None else spec


def _suite_file(path: Path) -> dict[str, Any]:
    try:
        found: Any = yaml.safe_load(specs.read_text(path))
    except yaml.YAMLError as error:
        msg = f"{path} isn't YAML: {error}"
        raise WrongUsage(msg) from error
    if not isinstance(found, dict):
        msg = f"{path}: a suite has a title and tests"
        raise WrongUsage(msg)
    given = cast("dict[str, Any]", found)
    return {"kind": "suite", "name": given.get("title", path.stem), "tests": given.get("tests", [])}


def compared(asked: Asked, model: dict[str, Any]) -> dict[str, Any]:
    """A validation of a model. Raises WrongUsage."""
    if asked.pipelines:
        msg = "name a pipeline or give --model, not both"
        raise WrongUsage(msg)
    return {**asked.rest, "model": model}


def tolerance(given: Sequence[str]) -> dict[str, float]:
    """``NAME=VALUE`` of each. Raises WrongUsage."""
    pairs = [specs.split_pair(each, "--tolerance") for each in given]
    try:
        return {name: float(value) for name, value in pairs}
    except ValueError:
        msg = "--tolerance takes NAME=NUMBER"
        raise WrongUsage(msg) from None


def space(tried: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE,VALUE``, ``NAME=true`` or ``NAME=`` (nothing) as what a search tries. Raises WrongUsage."""
    pairs = [specs.split_pair(each, "--try") for each in tried]
    return {name.replace("-", "_"): _tried(values) for name, values in pairs}


def _tried(values: str) -> bool | list[int | str]:
    if values in {"true", "false"}:
        return values == "true"
    return [_plain(value) for value in values.split(",") if value]


def counts(expected: Sequence[str]) -> dict[str, int]:
    """``LABEL=N`` or ``LABEL`` as least counts. Raises WrongUsage."""
    found = [each.partition("=") for each in expected]
    return {label: _number(count or "1", f"--expect {label}") for label, _, count in found}


def _load(text: str) -> dict[str, Any]:
    name, part = _split(text)
    if part.endswith("%"):
        msg = f"{text}: a number of streams is wanted, no rate"
        raise WrongUsage(msg)
    return {"pipeline": _variant(name), **({"streams": _number(part, text)} if part else {})}


def _share(text: str, *, alone: bool) -> dict[str, Any]:
    name, part = _split(text)
    pipeline = {"pipeline": _variant(name)}
    if part.endswith("%"):
        return {**pipeline, "stream_rate": _number(part[:-1], text)}
    if part:
        return {**pipeline, "streams": _number(part, text)}
    if not alone:
        msg = f"{text}: of several pipelines each needs its share, as {name}:50%, or its number of streams"
        raise WrongUsage(msg)
    return {**pipeline, "stream_rate": _WHOLE}


def _split(text: str) -> tuple[str, str]:
    name, _, part = text.partition(":")
    return name, part


def _variant(name: str) -> dict[str, str]:
    pipeline, slash, variant = name.partition("/")
    if not (pipeline and slash and variant):
        msg = f"{name}: name a pipeline and its variant, as ID/VARIANT, or a file with a spec"
        raise WrongUsage(msg)
    return {"source": "variant", "pipeline_id": pipeline, "variant_id": variant}


def _with_inputs(parts: list[dict[str, Any]], inputs: Sequence[str]) -> list[dict[str, Any]]:
    if inputs and len(parts) > 1:
        msg = "--input belongs to one pipeline alone; write a spec for several"
        raise WrongUsage(msg)
    return [{**part, "inputs": list(inputs)} if inputs else part for part in parts]


def _number(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        msg = f"{where}: {text!r} isn't a whole number"
        raise WrongUsage(msg) from None


def _plain(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
