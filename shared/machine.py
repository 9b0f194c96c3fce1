"""Figures that machines tell of themselves, and what they are called where they are told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``scale``: from the figure's unit to that of ``metric``, which is Prometheus' for its kind."""

    metric: str
    about: str
    scale: float = 1.0


FIGURES: Mapping[str, Figure] = {
    "cpu_percent": Figure("framelane_host_cpu_ratio", "Of all processors of a host, in use.", 0.01),
    "memory_used_bytes": Figure("framelane_host_memory_used_bytes", "Memory of a host that is in use."),
    "memory_total_bytes": Figure("framelane_host_memory_bytes", "Memory of a host."),
    "temperature_c": Figure("framelane_host_temperature_celsius", "Its hottest sensor."),
    "cpu_mhz": Figure("framelane_host_cpu_hertz", "Mean clock of its cores.", 1e6),
    "power_w": Figure("framelane_host_power_watts", "Power of its processors (Intel RAPL)."),
    "gpu_percent": Figure("framelane_gpu_busy_ratio", "Of a GPU's time, at work.", 0.01),
    "gpu_memory_used_bytes": Figure("framelane_gpu_memory_used_bytes", "Memory of a GPU that is in use."),
    "gpu_power_w": Figure("framelane_gpu_power_watts", "Power of a GPU."),
    "gpu_temperature_c": Figure("framelane_gpu_temperature_celsius", "Heat of a GPU."),
    "gpu_mhz": Figure("framelane_gpu_clock_hertz", "Clock of a GPU.", 1e6),
    "npu_percent": Figure("framelane_npu_busy_ratio", "Of an NPU's time, at work.", 0.01),
}
"""By the name under which a worker tells it. What a machine doesn't have is absent, not zero."""


def of_device(name: str) -> bool:
    """Whether the figure is an accelerator's, not its host's."""
    return name.startswith(("gpu_", "npu_"))
