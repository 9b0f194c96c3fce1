import threading

import pytest

from shared.errors import DeviceLeased, DeviceUnavailable
from workers import intake as module
from workers.intake import Intake


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(module, "_TURN_BACK_S", 0.001)


def test_it_is_open_and_counts_the_jobs_inside():
    intake = Intake()
    assert intake.open
    with intake.entered("a"), intake.entered("b"):
        assert intake.others_than("a") == 1
        assert intake.others_than("nobody") == 2
    assert intake.others_than("") == 0


def test_closed_it_refuses_with_the_reason_and_lets_those_inside_end():
    intake = Intake()
    with intake.entered("a"):
        intake.set_leased("job/1")
        with pytest.raises(DeviceLeased), intake.entered("b"):
            pytest.fail("entered")
        assert intake.others_than("") == 1
    intake.set_unready("GPU has disappeared")
    with pytest.raises(DeviceUnavailable, match="GPU has disappeared"), intake.entered("c"):
        pytest.fail("entered")
    intake.set_leased(None)
    assert not intake.open, "each reason ends by itself"
    intake.set_unready(None)
    with intake.entered("b"):
        assert intake.open


def test_whoever_wants_to_know_is_told_of_changes_alone():
    intake, told = Intake(), []
    intake.on_change(lambda: told.append(intake.open))
    for holder in (None, "job/1", "job/1", None, None):
        intake.set_leased(holder)
    assert told == [False, True]


def test_a_message_that_comes_just_before_it_opens_is_taken(monkeypatch):
    monkeypatch.setattr(module, "_TURN_BACK_S", 30)
    intake, entered = Intake(), threading.Event()
    intake.set_leased("job/1")

    def take():
        with intake.entered("a"):
            entered.set()

    thread = threading.Thread(target=take)
    thread.start()
    intake.set_leased(None)
    assert entered.wait(10)
    thread.join(10)
