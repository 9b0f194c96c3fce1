"""The other rows of the short form, in a file and so a process of their own: most of their time they wait."""

import pytest

from tests.faults.test_short import LIMIT_S, OTHERS, assert_pass


@pytest.mark.service
@pytest.mark.timeout(LIMIT_S + 30)
def test_the_contract_holds_whatever_happens_to_stores_gateways_and_all_else():
    assert_pass(OTHERS)
