"""The gateway stays small, and has no media or model library in it. How fast it starts is ``benchmarks/footprint.py``."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import api.main
heavy = [name for name in ("torch", "mediapipe", "openvino", "gi", "cv2", "numpy") if name in sys.modules]
api.main.create_app()
status = open("/proc/self/status").read()
resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
print(json.dumps([heavy, resident / 1024]))
"""


def test_import_of_the_gateway() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    heavy, megabytes = json.loads(done.stdout)
    assert heavy == []
    assert megabytes <= 120
