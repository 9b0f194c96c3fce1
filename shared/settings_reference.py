"""Renders ``docs/reference/settings.md`` from the settings themselves: ``python -m shared.settings_reference``."""

from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"

_HEAD = """# Settings

Read from the environment by every process. Made from `shared/settings.py` by `make contracts`; don't edit.

`REDIS_URL` stands for `FRAMELANE_REDIS__URL` and wins over it; `FRAMELANE_AUTH` stands for `FRAMELANE_AUTH__MODE`.
"""


def render() -> str:
    """The page: one table per section, one row per variable with its default and meaning."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            title = (section.__doc__ or name).strip().splitlines()[0]
            rows = [_row(name, key, item) for key, item in section.model_fields.items()]
            parts.append(
                f"\n## {name}\n\n{title}\n\n| variable | default | meaning |\n|---|---|---|\n" + "".join(rows)
            )
    return "".join(parts)


def _row(section: str, key: str, field: FieldInfo) -> str:
    return f"| `FRAMELANE_{section}__{key}`".upper() + f" | {_default(field.default)} | {_meaning(field)} |\n"


def _default(value: Any) -> str:
    if isinstance(value, frozenset):
        value = sorted(cast("frozenset[str]", value))
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "none" if value in ("", None, [], {}) else f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    said = [field.description] if field.description else []
    bounds = {
        name: getattr(item, name) for item in field.metadata for name in ("gt", "ge", "le") if hasattr(item, name)
    }
    signs = {"gt": ">", "ge": ">=", "le": "<="}
    said += [f"{signs[name]} {value}" for name, value in bounds.items()]
    options = getattr(field.annotation, "__args__", ())
    if options and all(isinstance(option, str) for option in options):
        said.append("one of " + ", ".join(f"`{option}`" for option in options))
    return "; ".join(said)


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
