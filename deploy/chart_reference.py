"""Makes what can be made of the Helm chart: ``python -m deploy.chart_reference``.

``README.md`` is the comments of ``values.yaml`` as tables; in ``values.schema.json`` the part about Framelane's
settings is made from ``shared/settings.py``, so that a wrong one fails before anything is installed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from shared.settings import Settings

CHART = Path(__file__).parents[1] / "helm" / "framelane"

_HEAD = """# The chart framelane

Gateway, workers by device and lane, and their stores. How to install it: `docs/how-to/install-with-helm.md`.
Made from `values.yaml` by `make contracts`; don't edit.
"""
_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z][\w]*):(?P<value>.*)")
_NOISE = {"title", "description", "default"}
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Value:
    """A documented value: its dotted name, what its comment says, and its default; or the title of a chapter."""

    name: str
    says: str
    default: str = ""


def readme() -> str:
    """A table per chapter of ``values.yaml``."""
    lines = [_HEAD]
    for value in values():
        if value.default:
            lines.append(f"| `{value.name}` | {value.default} | {value.says} |\n")
        else:
            lines.append(f"\n## {value.name}\n\n| value | default | meaning |\n|---|---|---|\n")
    return "".join(lines)


def values() -> Iterator[Value]:
    """Every chapter (`## …`) and every value that has a comment above it, in their order."""
    text = (CHART / "values.yaml").read_text("utf-8")
    defaults = yaml.safe_load(text)
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        if line.startswith("## "):
            yield Value(line[3:], "")
        elif line.lstrip().startswith("# "):
            said.append(line.lstrip()[2:])
        else:
            if found := _KEY.match(line):
                path = [*path[: len(found["indent"]) // 2], found["name"]]
                if said:
                    yield Value(".".join(path), " ".join(said).replace("|", "\\|"), _default(defaults, path))
            said = []


def _default(defaults: Any, path: list[str]) -> str:
    for name in path:
        defaults = defaults[name]
    text = json.dumps(defaults)
    return f"`{text}`" if len(text) <= _LONGEST else "see `values.yaml`"


def schema() -> str:
    """``values.schema.json`` with the settings as they are now."""
    known: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    sections = {
        name: _closed({key: _plain(field) for key, field in section.model_json_schema()["properties"].items()})
        for name, section in sections_of_settings().items()
    }
    known["$defs"]["settings"] = _closed(sections)
    return json.dumps(known, indent=2) + "\n"


def sections_of_settings() -> dict[str, type[BaseModel]]:
    """By the name that a variable has it under."""
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: each for name, each in found.items() if isinstance(each, type) and issubclass(each, BaseModel)}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """Without words. What refers to further models is a secret of the deployment and not set here at all."""
    rest = {name: value for name, value in field.items() if name not in _NOISE}
    return {} if "$ref" in json.dumps(rest) else rest


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), "utf-8")
    (CHART / "values.schema.json").write_text(schema(), "utf-8")
