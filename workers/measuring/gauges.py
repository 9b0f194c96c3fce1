"""What a machine says of itself while something is measured. What isn't there is absent, not zero."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, cast

import psutil

Reading = Mapping[str, float]

_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
_NPU = Path("/sys/class/accel/accel0/device/npu_busy_time_us")
_ENGINE = "drm-engine-"


class Gauge(Protocol):
    """Read at both ends of an interval; a gauge keeps what it needs from the read before."""

    def read(self) -> Reading:
        """Figures since the read before, or of now."""
        ...


class CpuGauge:
    """Percent of all cores: ``cpu_percent``, of that ``cpu_own_percent`` by this process and its children.

    ``cpu_foreign_percent`` is the rest of it; ``cpu_steal_percent`` went to other guests of the host.
    """

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._own: dict[int, float] = {}
        self._before = self._times()
        self._own_total()

    def read(self) -> Reading:
        """See Gauge."""
        now, own = self._times(), self._own_total()
        total, busy, steal = (a - b for a, b in zip(now, self._before, strict=True))
        self._before = now
        if total <= 0:
            return {}
        busy_percent, own_percent = 100 * busy / total, min(100 * own / total, 100 * busy / total)
        return {
            "cpu_percent": busy_percent,
            "cpu_own_percent": own_percent,
            "cpu_foreign_percent": busy_percent - own_percent,
            "cpu_steal_percent": 100 * steal / total,
        }

    def _times(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        steal = float(getattr(times, "steal", 0.0))
        resting = times.idle + float(getattr(times, "iowait", 0.0))
        # Guests' time is within the user's already.
        total = sum(times) - float(getattr(times, "guest", 0.0)) - float(getattr(times, "guest_nice", 0.0))
        return total, total - resting - steal, steal

    def _own_total(self) -> float:
        """Seconds of processor time that the tree used since the call before; what ended meanwhile isn't told."""
        used, seen = 0.0, dict[int, float]()
        for process in [self._me, *_children(self._me)]:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            seconds = times.user + times.system
            seen[process.pid] = seconds
            used += max(seconds - self._own.get(process.pid, 0.0), 0.0)
        self._own = seen
        return used


class MemoryGauge:
    """Bytes of the machine that are in use."""

    def read(self) -> Reading:
        """See Gauge."""
        memory = psutil.virtual_memory()
        return {"memory_used_bytes": float(memory.total - memory.available)}


class SensorGauge:
    """The hottest sensor in degrees Celsius, the mean clock of the cores in MHz."""

    def read(self) -> Reading:
        """See Gauge."""
        found: dict[str, float] = {}
        if heats := _temperatures():
            found["temperature_c"] = max(heats)
        # Typed otherwise, but None where the kernel tells no clock.
        clock = cast("float | None", getattr(psutil.cpu_freq(), "current", None))
        if clock:
            found["cpu_mhz"] = clock
        return found


class CounterGauge:
    """A file with a number that only grows, as a rate: its unit times ``scale``, a second."""

    def __init__(self, path: Path, name: str, scale: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._name, self._scale, self._clock = path, name, scale, clock
        self._before = self._count()

    def read(self) -> Reading:
        """See Gauge. Nothing where the counter began again."""
        (count, at), (count_before, before) = (now := self._count()), self._before
        self._before = now
        if at <= before or count < count_before:
            return {}
        return {self._name: (count - count_before) * self._scale / (at - before)}

    def _count(self) -> tuple[int, float]:
        return int(self._path.read_text("ascii")), self._clock()


class EngineGauge:
    """Percent of the busiest engine of Intel and AMD GPUs that this process and its children used (DRM fdinfo)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._me = psutil.Process()
        self._before, self._at = self._busy(), clock()

    def read(self) -> Reading:
        """See Gauge."""
        now, at = self._busy(), self._clock()
        before, began = self._before, self._at
        self._before, self._at = now, at
        if not now or at <= began:
            return {}
        used = max(max(busy - before.get(engine, 0), 0) for engine, busy in now.items())
        return {"gpu_percent": min(used / 1e7 / (at - began), 100.0)}

    def _busy(self) -> dict[str, int]:
        """Nanoseconds by engine; a client that several descriptors share counts once."""
        clients: dict[str, dict[str, int]] = {}
        for process in [self._me, *_children(self._me)]:
            for path in _listed(Path(f"/proc/{process.pid}/fdinfo")):
                parsed = drm_engines(_text(path))
                if parsed is not None:
                    clients[parsed[0]] = parsed[1]
        total: dict[str, int] = {}
        for engines in clients.values():
            for engine, busy in engines.items():
                total[engine] = total.get(engine, 0) + busy
        return total


def drm_engines(text: str) -> tuple[str, dict[str, int]] | None:
    """The client of a DRM fdinfo file and nanoseconds each engine worked for it; None for other files.

    As Documentation/gpu/drm-usage-stats.rst of the Linux kernel describes it.
    """
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    client = fields.get("drm-client-id")
    if client is None:
        return None
    engines = {
        name.removeprefix(_ENGINE): int(value.split()[0])
        for name, value in fields.items()
        if name.startswith(_ENGINE) and value.split()[1:] == ["ns"]
    }
    return f"{fields.get('drm-pdev', '').strip()}/{client.strip()}", engines


def gauges(more: Iterable[Gauge] = ()) -> list[Gauge]:
    """Those this machine has; ``more``: of its accelerators."""
    return [CpuGauge(), MemoryGauge(), SensorGauge(), EngineGauge(), *counters(), *more]


def counters() -> list[Gauge]:
    """Power of the processors and load of the NPU, where the kernel counts them for us."""
    found: list[Gauge] = []
    for path, name, scale in ((_RAPL, "power_w", 1e-6), (_NPU, "npu_percent", 1e-4)):
        try:
            found.append(CounterGauge(path, name, scale))
        except (OSError, ValueError):
            continue  # not here, or not for us to read
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _temperatures() -> list[float]:
    try:
        sensors = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return []
    return [float(one.current) for found in sensors.values() for one in found]


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
