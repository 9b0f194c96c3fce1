"""``python -m benchmarks [name …]``: run all benchmarks, or those named."""

import sys
from importlib import import_module

NAMES = (
    "footprint",
    "submit_to_start",
    "submits",
    "predict",
    "batch",
    "growth",
    "device_batch",
    "images",
    "inference_core",
    "graph_parser",
    "pipeline_supervision",
    "first_frame",
    "gva_elements",
    "download",
    "uploads",
    "warm_up",
    "density_rule",
    "sessions",
    "fan_out",
    "scaling",
    "verdicts",
)


def main() -> None:
    """Run them one after the other; nothing else should run meanwhile."""
    for name in sys.argv[1:] or NAMES:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
