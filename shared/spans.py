"""What spans of traces are told."""

from collections.abc import Mapping
from typing import Literal

HEADER = "traceparent"

Kind = Literal["server", "producer", "consumer", "internal"]
Values = Mapping[str, str | int | float | bool]
