"""The real Compose on our file, with an ``.env`` that our script wrote."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.models import ROOT

PROFILES = ("cpu", "gpu-nvidia", "gpu-intel", "npu", "flower", "monitoring", "live")
_LIMIT_S = 60


def write_env(file: Path, devices: Path, **env: str) -> str:
    """Write or complete ``file`` for a machine whose devices lie below ``devices``; what the script said."""
    given = os.environ | {"ENV_FILE": str(file), "DEVICES_ROOT": str(devices)} | env
    script = [ROOT / "deploy" / "setup_env.sh", "--compose"]
    done = subprocess.run(script, env=given, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
    assert done.stdout == ""
    return done.stderr


def read_env(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines() if "=" in line)


def compose(
    *arguments: str, env_file: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Status, output and errors."""
    program = Path(sys.executable).parent / "docker-compose"
    file = ["--env-file", str(env_file or os.devnull)]
    done = subprocess.run(
        [program, "--project-directory", ROOT, *file, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(Path.home()), **(env or {})},
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def composed(folder: Path, *profiles: str, **env: str) -> dict[str, Any]:
    """The whole file as Compose understands it, with these profiles (all, if none is named)."""
    env_file = folder / ".env"
    if not env_file.exists():
        write_env(env_file, folder / "no-devices")
    asked = {"COMPOSE_PROFILES": ",".join(profiles or PROFILES)} | env
    status, output, errors = compose("config", "--format", "json", env_file=env_file, env=asked)
    assert status == 0, errors
    return json.loads(output)
