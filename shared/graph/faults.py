"""What is wrong with a pipeline, and where."""

from dataclasses import dataclass

from shared.errors import InvalidSpec

MOST_FAULTS = 20
"""Faults told of one text; the reader stops at the last of them."""

Broken = tuple[str, str]
"""A JSON pointer into a graph and a sentence, as InvalidSpec lists them."""


@dataclass(frozen=True, slots=True)
class TextFault:
    """One place of a text that can't be read; line and column count from 1, in characters."""

    line: int
    column: int
    found: str
    expected: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: found {self.found}, expected {self.expected}"


class PipelineUnreadable(InvalidSpec):
    """The text of a pipeline can't be read."""

    code = "pipeline-unreadable"

    def __init__(self, *faults: TextFault) -> None:
        """``faults``: all that were found, in the order of the text, at most MOST_FAULTS."""
        self.faults = faults
        super().__init__(*(("", str(fault)) for fault in faults))
