"""What `submit` is given, as a spec and the files that go with it."""

import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from client.cli.output import WrongUsage

MOST_PARTS = 60
"""Photos sent as files of their own; a gateway takes 64 parts a request unless it is set otherwise."""


@dataclass(frozen=True)
class Common:
    """Options of any job; None is left to the gateway."""

    device: str | None = None
    priority: int | None = None
    timeout_s: float | None = None
    labels: Sequence[str] = ()

    def fields(self) -> dict[str, Any]:
        """As fields of a spec. Raises WrongUsage."""
        given = {"device": self.device, "priority": self.priority, "timeout_s": self.timeout_s}
        fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.labels:
            fields["labels"] = dict(split_pair(label, "--label") for label in self.labels)
        return fields


@dataclass(frozen=True)
class Inference:
    """Options of `submit inference`."""

    model: str | None = None
    images: Sequence[Path] = ()
    landmarks: Sequence[Path] = ()
    media: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def given(self) -> bool:
        """Whether any of them was used."""
        return bool(self.model or self.images or self.landmarks or self.media or self.options)


@dataclass(frozen=True)
class Pipeline:
    """Options of `submit pipeline`."""

    variant: str | None = None
    inputs: Sequence[str] = ()
    fields: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def given(self) -> bool:
        """Whether any of them was used."""
        return bool(self.variant or self.inputs or self.fields)


@dataclass(frozen=True)
class Request:
    """A spec and its files by part name."""

    spec: dict[str, Any]
    files: dict[str, Path]


def inference(asked: Inference, common: Common) -> Request:
    """Photos travel as files beside the spec, many of them and landmarks inside it. Raises WrongUsage."""
    if not asked.model or not (asked.images or asked.landmarks or asked.media):
        msg = "`submit inference` needs --model and at least one --image, --landmarks or --input"
        raise WrongUsage(msg)
    files = {f"image-{number}": readable(path) for number, path in enumerate(asked.images)}
    inputs: list[dict[str, Any]] = [{"file": name} for name in files]
    if len(files) > MOST_PARTS:
        inputs, files = [{"data": _base64(path)} for path in files.values()], {}
    inputs += [landmarks_input(path) for path in asked.landmarks]
    inputs += [{"media": name} for name in asked.media]
    spec: dict[str, Any] = {"kind": "inference", "model": asked.model, "inputs": inputs, **common.fields()}
    return Request(spec | ({"options": asked.options} if asked.options else {}), files)


def download(models: Sequence[str], common: Common, *, force: bool) -> Request:
    """Raises WrongUsage without a model."""
    if not models:
        msg = "`submit download` needs the names of models; `framelane models` lists them"
        raise WrongUsage(msg)
    spec: dict[str, Any] = {"kind": "model_download", "models": list(models), **common.fields()}
    return Request(spec | ({"force": True} if force else {}), {})


def media(names: Sequence[str], common: Common) -> Request:
    """Raises WrongUsage without a medium."""
    if not names:
        msg = "`submit media` needs the names of media, such as bikes"
        raise WrongUsage(msg)
    return Request({"kind": "media_download", "media": list(names), **common.fields()}, {})


def pipeline(names: Sequence[str], asked: Pipeline, common: Common) -> Request:
    """A variant of one pipeline of the registry. Raises WrongUsage."""
    if len(names) != 1 or not asked.variant:
        msg = "`submit pipeline` needs one id and --variant; `framelane pipelines` lists them"
        raise WrongUsage(msg)
    source = {"source": "variant", "pipeline_id": names[0], "variant_id": asked.variant}
    spec: dict[str, Any] = {"kind": "pipeline", "pipeline": source, **asked.fields, **common.fields()}
    return Request(spec | ({"inputs": list(asked.inputs)} if asked.inputs else {}), {})


def written(source: str, attached: Sequence[str], common: Common) -> Request:
    """A spec that stands in a file, on stdin (``-``) or in ``source`` itself. Raises WrongUsage."""
    if source == "-":
        text, where = read_text(Path(source)), "stdin"
    elif source.lstrip().startswith("{"):
        text, where = source, "the given JSON"
    else:
        text, where = _read(Path(source)), source
    spec = _json(text, where)
    if not isinstance(spec, dict):
        msg = f"{where}: a spec is a JSON object"
        raise WrongUsage(msg)
    files = {name: readable(Path(path)) for name, path in (split_pair(each, "--file") for each in attached)}
    return Request({**spec, **common.fields()}, files)


def read_text(path: Path) -> str:
    """What stands in a file, or on stdin (``-``). Raises WrongUsage."""
    return sys.stdin.read() if str(path) == "-" else _read(path)


def landmarks_input(path: Path) -> dict[str, Any]:
    """A file with 21 points, bare or under ``landmarks``."""
    points = _json(_read(path), str(path))
    wrapped = cast("dict[str, Any]", points) if isinstance(points, dict) else {}
    return wrapped if "landmarks" in wrapped else {"landmarks": points}


def split_pair(text: str, option: str) -> tuple[str, str]:
    """``name=value``. Raises WrongUsage."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        msg = f"{option} takes NAME=VALUE, not {text!r}"
        raise WrongUsage(msg)
    return name, value


def readable(path: Path) -> Path:
    """The path, if it is a file. Raises WrongUsage."""
    if not path.is_file():
        msg = f"there is no file {path}"
        raise WrongUsage(msg)
    return path


def folder(path: Path) -> Path:
    """The folder, made if need be. Raises WrongUsage."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--save {path}: {error.strerror}; name a folder that can be written to"
        raise WrongUsage(msg) from error
    return path


def _base64(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        msg = f"{path} can't be read: {error}"
        raise WrongUsage(msg) from error


def _read(path: Path) -> str:
    try:
        return readable(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} can't be read: {error}"
        raise WrongUsage(msg) from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"{where} isn't JSON: {error}"
        raise WrongUsage(msg) from error
