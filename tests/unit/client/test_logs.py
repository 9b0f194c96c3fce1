"""One log of many speakers: who speaks is told, what nobody can use is left out."""

import io

import pytest

from client.local.logs import ConsoleLog, plain, worth_reading


@pytest.mark.parametrize(
    "line",
    [
        "",
        "W0000 00:00:1795287005.075579   24590 inference_feedback_manager.cc:121] Feedback manager requires",
        "WARNING: Logging before InitGoogle() is written to STDERR",
        "WARNING: Read-only tensor #1 (model_1/pad) has an unaligned buffer",
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    ],
)
def test_what_native_libraries_always_print_is_left_out(line: str):
    assert not worth_reading(line)


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "WARNING: disk full", "E0000 00:00:1.2 x"])
def test_everything_else_is_told(line: str):
    assert worth_reading(line)


def test_a_file_gets_no_colours_and_every_line_its_speaker():
    stream = io.StringIO()
    ConsoleLog(stream)("cpu", "\x1b[32mready\x1b[0m")
    assert stream.getvalue() == "cpu       | ready\n"
    assert plain("\x1b[1;31mx\x1b[0m") == "x"
