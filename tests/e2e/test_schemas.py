"""A little of ``make schemas``: each operation once as the description says and, if it takes a body, once otherwise."""

from pathlib import Path

import pytest

from shared.settings import Settings
from tests.support.schemas import house, run

pytestmark = pytest.mark.service

OPERATIONS = 80
"""There are more."""


def test_every_operation_answers_as_it_is_described(settings: Settings, tmp_path: Path):
    with house(settings, tmp_path) as served:
        found = run(served, examples=1, short=True)
    assert found.faults == {}
    assert found.operations > OPERATIONS
    assert {200, 201, 202, 204, 404, 422} <= found.statuses.keys()
