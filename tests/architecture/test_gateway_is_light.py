"""The gateway starts quickly, stays small, and has no media or model library in it."""

import json
import subprocess
import sys

PROGRAM = """
import json, resource, sys, time
begun = time.perf_counter()
import api.main
took = time.perf_counter() - begun
heavy = [name for name in ("torch", "mediapipe", "openvino", "gi", "cv2", "numpy") if name in sys.modules]
api.main.create_app()
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, heavy]))
"""


def test_import_of_the_gateway() -> None:
    runs = [
        json.loads(
            subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(3)
    ]
    took, megabytes, heavy = min(runs)  # other work on the machine must not count
    assert heavy == []
    assert took <= 2.0
    assert megabytes <= 120
