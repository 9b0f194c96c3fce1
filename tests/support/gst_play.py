"""Plays the pipelines of its arguments, one after the other, with our elements; prints what went wrong."""

import sys

from workers.gst import elements, gi_path


def main() -> int:
    gst = gi_path.load()
    gst.init([])
    elements.register(gst)
    return max(play(gst, text) for text in sys.argv[1:])


def play(gst: gi_path.Gst, text: str) -> int:
    pipeline = gst.parse_launch(text)
    pipeline.set_state(gst.State.PLAYING)
    wanted = gst.MessageType.EOS | gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(60 * gst.SECOND, wanted)
    pipeline.set_state(gst.State.NULL)
    if message is None:
        print("nothing happened for a minute")
        return 2
    if message.type == gst.MessageType.ERROR:
        error, _ = message.parse_error()
        print(f"{message.src.get_name()}: {error.message}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
