"""Which elements GStreamer has here: ``python -m workers.gst.inventory`` prints a name a line.

A process of its own, since GStreamer loads plugins of anybody's to learn that. Standard library and gi only.
"""

import sys

from workers.gst import gi_path


def main() -> int:
    """Exit status 0, or 1 with the reason as the only line."""
    try:
        gst = gi_path.load()
    except gi_path.GStreamerMissing as error:
        sys.stdout.write(f"{error}\n")
        return 1
    gst.init([])
    names = {feature.get_name() for feature in gst.Registry.get().get_feature_list(gst.ElementFactory)}
    sys.stdout.writelines(f"{name}\n" for name in sorted(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
