"""Suites: several tests with weights and reference figures, of which one job makes a score.

Those that ship are data: ``library/suites/*.yaml``.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from shared.common import CommonSpec, Label
from shared.measurements import DensityTerms, Loads, PerformanceTerms, RunFields, Shares
from shared.pipelines import Slug

LIBRARY = Path(__file__).parent / "library" / "suites"
MOST_TESTS = 32


class SuiteTestFields(RunFields):
    """What a test of a suite has beside what is measured."""

    name: Annotated[Slug, Field(description="no other test of the suite has it")]
    weight: Annotated[FiniteFloat, Field(strict=True, gt=0, le=1_000)] = 1.0
    reference: Annotated[
        FiniteFloat,
        Field(
            strict=True,
            gt=0,
            le=1e6,
            description="the figure that is worth 100 points: frames a second of all streams, or streams",
        ),
    ]


class PerformanceOfSuite(Loads, PerformanceTerms, SuiteTestFields):
    """A performance test as part of a suite."""


class DensityOfSuite(Shares, DensityTerms, SuiteTestFields):
    """A search for density as part of a suite."""


SuiteTest = Annotated[PerformanceOfSuite | DensityOfSuite, Field(discriminator="kind")]
Tests = Annotated[list[SuiteTest], Field(max_length=MOST_TESTS)]


class SuiteFields(CommonSpec):
    """What a suite has beside its tests. ``suite``: the name of one that ships."""

    kind: Literal["suite"] = "suite"
    name: Label = ""
    suite: Annotated[Slug | None, Field(description="one that ships: `GET /suites`")] = None


class SuiteSpec(SuiteFields):
    """Measure several tests one after the other, and make one score of them. Give `suite` or `tests`."""

    tests: Tests = Field(default_factory=list[PerformanceOfSuite | DensityOfSuite])

    @model_validator(mode="after")
    def _one(self) -> "SuiteSpec":
        if (self.suite is None) == (not self.tests):
            raise PydanticCustomError("tests", "give `suite`, the name of one that ships, or `tests` of your own")
        if again := repeated([each.name for each in self.tests]):
            raise PydanticCustomError("tests", "two tests are called {name}", {"name": again})
        return self


class Suite(BaseModel):
    """One that ships. ``reference``: what its tests' reference figures are of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Slug
    title: str
    description: str
    reference: str
    tests: Annotated[Tests, Field(min_length=1)]

    @model_validator(mode="after")
    def _unique(self) -> "Suite":
        if again := repeated([each.name for each in self.tests]):
            msg = f"two tests are called {again}"
            raise ValueError(msg)
        return self


_SUITE: TypeAdapter[Suite] = TypeAdapter(Suite)


def load_suites(folder: Path = LIBRARY) -> Mapping[str, Suite]:
    """Those of a folder by their names, which are those of their files. Raises pydantic.ValidationError."""
    found = (
        _SUITE.validate_python({"name": path.stem, **yaml.safe_load(path.read_text("utf-8"))})
        for path in sorted(folder.glob("*.yaml"))
    )
    return {each.name: each for each in found}


@cache
def shipped_suites() -> Mapping[str, Suite]:
    """Read once."""
    return load_suites()


def tests_of(spec: SuiteSpec) -> list[PerformanceOfSuite | DensityOfSuite]:
    """The caller's own, or those of the suite that is named; none if nobody knows it."""
    if spec.suite is None:
        return spec.tests
    known = shipped_suites().get(spec.suite)
    return known.tests if known else []


def repeated(names: list[str]) -> str:
    """The first name that is there twice; empty if none is."""
    return next((name for at, name in enumerate(names) if name in names[:at]), "")
