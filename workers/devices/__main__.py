"""``python -m workers.devices``: the devices of this machine as one line of JSON, for whoever starts workers."""

import json
import sys

from workers.devices.machine import Machine


def main() -> None:
    """Print them; each as the API tells it."""
    sys.stdout.write(json.dumps([each.info.model_dump(mode="json") for each in Machine().found()]) + "\n")


if __name__ == "__main__":
    main()
