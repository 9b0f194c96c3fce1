"""The rows, in the order of the table."""

from tests.faults.row import Spec
from tests.faults.rows import (
    f01_kills,
    f02_orphans,
    f03_long,
    f04_zombie,
    f05_restart,
    f06_down,
    f08_flushed,
    f09_full,
    f10_artifacts,
    f13_gap,
    f15_cancelled,
    f16_stuck,
    f17_race,
    f18_deadlines,
    f19_keys,
    f25_webhooks,
)

ROWS: tuple[Spec, ...] = (
    f01_kills.SPEC,
    f02_orphans.SPEC,
    f03_long.SPEC,
    f04_zombie.SPEC,
    f05_restart.SPEC,
    f06_down.F6,
    f06_down.F7,
    f08_flushed.SPEC,
    f09_full.SPEC,
    f10_artifacts.SPEC,
    f13_gap.SPEC,
    f15_cancelled.SPEC,
    f16_stuck.SPEC,
    f17_race.SPEC,
    f18_deadlines.SPEC,
    f19_keys.SPEC,
    f25_webhooks.SPEC,
)
