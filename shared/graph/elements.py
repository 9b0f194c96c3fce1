"""What is known of elements: the table ``library/elements.yaml``."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.graph.checks import MANY, Shape

SHIPPED = Path(__file__).parents[1] / "library" / "elements.yaml"

Named = Literal["model", "media", "camera", "output"]
"""What a property can name instead of a path."""

Count = Annotated[int, Field(ge=0)] | Literal["many"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Group(_Entry):
    """Elements that are treated alike; the head of the table's file says what the fields mean."""

    role: str
    elements: Annotated[list[str], Field(min_length=1)]
    inputs: Count = 1
    outputs: Count = 1
    names: dict[str, Named] = {}
    words: dict[str, Literal["words", "config"]] = {}
    fixed: dict[str, list[str]] = {}
    free: list[str] | Literal["any"]

    @property
    def shape(self) -> Shape:
        """Links in and out."""
        return Shape(*(MANY if count == "many" else count for count in (self.inputs, self.outputs)))

    def is_free(self, key: str, outside: list[str]) -> bool:
        """Whether any value may be given to the property ``key``. To GObject ``_`` in it is ``-``."""
        key = key.replace("_", "-")
        if self.free == "any":
            return "::" not in key and not _fits(key, outside)
        return _fits(key, self.free)


class Elements(_Entry):
    """The table. Each element is in one group."""

    outside: list[str]
    instead: dict[str, str]
    groups: list[Group]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [name for group in self.groups for name in group.elements]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"in more than one group: {', '.join(twice)}"
            raise ValueError(msg)
        return self

    @cached_property
    def by_type(self) -> Mapping[str, Group]:
        """The group of each element."""
        return {name: group for group in self.groups for name in group.elements}

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """For ``checks.invalid``."""
        return {name: group.shape for name, group in self.by_type.items()}

    def remedy(self, element: str) -> str:
        """What to do instead of using an element that isn't in the table; empty where nothing better is known."""
        return next((text for glob, text in self.instead.items() if fnmatchcase(element, glob)), "")


def _fits(key: str, globs: list[str]) -> bool:
    return any(fnmatchcase(key, glob) for glob in globs)


def load_elements(path: Path) -> Elements:
    """Read a table. Raises pydantic.ValidationError."""
    return Elements.model_validate(yaml.safe_load(path.read_text("utf-8")))


@cache
def shipped() -> Elements:
    """The table that ships."""
    return load_elements(SHIPPED)
