import threading

from shared.errors import StoreUnavailable
from workers.loops import Loop

LIMIT_S = 20


def test_a_loop_goes_on_after_whatever_its_step_raises():
    steps, third = [], threading.Event()

    def step() -> None:
        steps.append(len(steps))
        if len(steps) == 1:
            raise StoreUnavailable
        if len(steps) == 2:
            raise ZeroDivisionError
        third.set()

    loop = Loop("test", 0.001, step)
    loop.start()
    assert third.wait(LIMIT_S)
    loop.stop()
    count = len(steps)
    assert not any(thread.name == "test" for thread in threading.enumerate())
    assert len(steps) == count


def test_stopping_a_loop_that_waits_does_not_wait_for_its_period():
    ran = threading.Event()
    loop = Loop("test-long", 3600, ran.set)
    loop.start()
    assert ran.wait(LIMIT_S)
    loop.stop()
    loop.stop()
    assert not any(thread.name == "test-long" for thread in threading.enumerate())


def test_a_loop_that_never_started_can_be_stopped():
    Loop("test-idle", 1, lambda: None).stop()
