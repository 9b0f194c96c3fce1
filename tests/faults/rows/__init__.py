"""The rows, in the order of the table."""

from tests.faults.row import Spec
from tests.faults.rows import (
    f01_kills,
    f03_long,
    f05_restart,
    f06_down,
    f15_cancelled,
    f17_race,
    f18_deadlines,
    f19_keys,
)

ROWS: tuple[Spec, ...] = (
    f01_kills.SPEC,
    f03_long.SPEC,
    f05_restart.SPEC,
    f06_down.F6,
    f06_down.F7,
    f15_cancelled.SPEC,
    f17_race.SPEC,
    f18_deadlines.SPEC,
    f19_keys.SPEC,
)
