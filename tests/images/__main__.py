import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.images import __doc__ as about
from tests.images import making
from tests.images.engine import Engine
from tests.images.story import Story


def main() -> int:
    """Tell each step as it is done."""
    parser = argparse.ArgumentParser(prog="tests.images", description=about)
    parser.add_argument(
        "--volume",
        action="append",
        default=["/etc/ssl/certs:/etc/ssl/certs:ro"],
        help="HERE:THERE:ro, while images are built: pip's settings, a folder of wheels, …",
    )
    volumes: list[str] = parser.parse_args().volume
    with TemporaryDirectory() as name:
        folder = Path(name)
        engine = Engine(folder)
        _say("base", lambda: making.base(engine, folder))
        _say("valkey and seaweedfs", lambda: making.stores(engine, folder, volumes))
        _say("gateway and worker", lambda: making.ours(engine, volumes))
        with engine.serving():
            try:
                for line in Story(engine, folder).told():
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()
            finally:
                engine.compose("--profile", "*", "down", "--volumes")
    return 0


def _say(name, make) -> None:
    began = time.monotonic()
    make()
    sys.stdout.write(f"images: {name}: {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
