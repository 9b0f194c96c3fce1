"""A workshop for every test of the runner, which must leave nothing behind."""

import pytest

from tests.support.workshop import Workshop


@pytest.fixture
def shop(tmp_path):
    made = Workshop(tmp_path)
    yield made
    made.outbox.stop()
    assert made.keeper.busy == 0
    assert not any(made.scratch_root.glob("*"))
