"""What the machine says of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.polling import eventually
from workers.measuring.gauges import CounterGauge, CpuGauge, Reading, drm_engines, gauges
from workers.measuring.watching import MachineWatch, Moment, Summary, disturbance, summed_up

BUSY = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
I915 = """pos:\t0
drm-driver:\ti915
drm-client-id:\t7
drm-pdev:\t0000:00:02.0
drm-engine-render:\t1200000 ns
drm-engine-video:\t34 ns
drm-engine-capacity-video:\t2
"""


def test_work_of_children_is_our_own() -> None:
    gauge = CpuGauge()
    with subprocess.Popen(
        [sys.executable, "-c", BUSY + "\nprint(flush=True)\ninput()"], stdin=-1, stdout=-1
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        reading = gauge.read()
        child.communicate(b"\n")
    assert 0 < reading["cpu_own_percent"] <= reading["cpu_percent"] + 1e-9
    assert reading["cpu_foreign_percent"] >= -1e-9


class Sulky:
    """Can't be read now and then, as sensors can't."""

    def __init__(self, *errors: type[Exception]) -> None:
        self._errors = list(errors)

    def read(self) -> Reading:
        if self._errors:
            raise self._errors.pop()
        return {"load": 7.0}


def test_a_gauge_that_can_not_be_read_stops_no_other() -> None:
    with MachineWatch([Sulky(OSError, NotImplementedError), Sulky()], 0.005) as watch:
        assert eventually(lambda: len(watch.moments) > 5)
    assert {tuple(moment.figures) for moment in watch.moments} == {("load",)}


def test_what_grows_is_a_rate(tmp_path: Path) -> None:
    now = iter([0.0, 2.0, 3.0])
    path = tmp_path / "energy_uj"
    path.write_text("1000000\n")
    gauge = CounterGauge(path, "power_w", 1e-6, lambda: next(now))
    path.write_text("11000000\n")
    assert gauge.read() == {"power_w": pytest.approx(5.0)}
    path.write_text("4\n")
    assert gauge.read() == {}


def test_engines_of_a_drm_client() -> None:
    assert drm_engines(I915) == ("0000:00:02.0/7", {"render": 1_200_000, "video": 34})
    assert drm_engines("pos:\t0\nflags:\t02\n") is None


def test_a_watch_reads_all_gauges() -> None:
    with MachineWatch(gauges(), interval_s=0.05) as watch, subprocess.Popen([sys.executable, "-c", BUSY]) as busy:
        busy.wait()
    assert watch.moments
    summary = summed_up(watch.moments)
    assert {"cpu_percent", "cpu_own_percent", "memory_used_bytes"} <= summary.keys()
    assert summary["cpu_own_percent"].most > 0
    assert not watch.within(watch.moments[-1].at, watch.moments[-1].at + 1)


def test_absent_is_not_zero() -> None:
    moments = [Moment(0.0, {"a": 1.0}), Moment(1.0, {"a": 3.0, "b": 5.0})]
    assert summed_up(moments) == {"a": Summary(2.0, 3.0), "b": Summary(5.0, 5.0)}


def test_others_disturb() -> None:
    calm = {"cpu_foreign_percent": Summary(3.0, 50.0), "cpu_steal_percent": Summary(0.0, 0.0)}
    assert disturbance(calm, 10) is None
    assert disturbance({}, 10) is None
    assert "other programs used 30 %" in (disturbance(calm | {"cpu_foreign_percent": Summary(30, 30)}, 10) or "")
    assert "guests" in (disturbance(calm | {"cpu_steal_percent": Summary(30, 30)}, 10) or "")
