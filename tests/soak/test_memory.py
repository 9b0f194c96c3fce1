"""What the soak says of memory is so."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.leftovers import shape
from tests.soak.memory import EVERY_S, MIB, Growth, growth


def line(slope: float, noise: float = 0.0, samples: int = 120) -> Growth:
    """Of a process of 100 MiB that grows by ``slope`` MiB an hour; ``noise`` in MiB."""
    chance = random.Random(1)
    times = [number * EVERY_S for number in range(samples)]
    return growth(
        "it", [(at, int((100 + slope * at / 3600 + chance.uniform(-noise, noise)) * MIB)) for at in times]
    )


@given(st.floats(-1_000, 1_000))
def test_a_line_is_found(slope: float):
    found = line(slope)
    assert found.slope == pytest.approx(slope, abs=1e-3)
    assert found.error < 1e-3


def test_noise_is_no_growth_and_growth_is_seen_through_it():
    assert not line(0, noise=1).exceeds(16)
    assert line(60, noise=1).exceeds(16)
    assert not line(60, noise=1).exceeds(100)
    assert line(0, noise=4).error > line(0, noise=1).error > 0


def test_names_that_differ_in_their_numbers_have_one_shape():
    one = "key framelane:job:3f0c1f0e-7a49-4b7e-9d2b-0d3b3f6f1a11:events"
    assert shape(one) == shape("key framelane:job:00000000-0000-4000-8000-000000000000:events")
    assert shape("object media/4f2a9c0d1e2b3a4c/1") == "object media/#/#"
    assert shape("key framelane:workers") == "key framelane:workers"
