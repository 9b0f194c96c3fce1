"""An RTSP server as a process: it shows a test pattern with sound at ``/cam``, and records what is published.

Prints its port. Each line of its standard input, ``PATH FILE``, makes one more place to publish to, recorded into
the file, and is answered by a line; it ends with its input. With the argument ``closed`` it asks for a login.
"""

import sys
import threading
from typing import Any

from workers.gst import gi_path

USER, PASSWORD = "viewer", "p4ss:w@rd"
_PATTERN = (
    "( videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=25/1 ! "
    "x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay1 pt=96 "
    "audiotestsrc is-live=true ! audioconvert ! alawenc ! rtppcmapay name=pay0 pt=8 )"
)
_RECORDED = "( rtph264depay name=depay0 ! h264parse ! mpegtsmux ! filesink buffer-mode=unbuffered location={} )"


def main() -> None:
    gst, library, rtsp, glib = gi_path.load("Gst", "GstRtspServer", "GstRtsp", "GLib")
    gst.init([])
    server = library.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    if "closed" in sys.argv:
        server.set_auth(_login(library))
    mounts = server.get_mount_points()
    mounts.add_factory("/cam", _factory(gst, library, rtsp, _PATTERN))
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = glib.MainLoop()

    def read() -> None:
        for line in sys.stdin:
            path, file = line.split()
            made = _factory(gst, library, rtsp, _RECORDED.format(file))
            made.set_transport_mode(library.RTSPTransportMode.RECORD)
            mounts.add_factory(path, made)
            print("ready", flush=True)
        loop.quit()

    threading.Thread(target=read, daemon=True).start()
    loop.run()


def _login(library: Any) -> Any:
    auth, token = library.RTSPAuth.new(), library.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(library.RTSPAuth.make_basic(USER, PASSWORD), token)
    return auth


def _factory(gst: gi_path.Gst, library: Any, rtsp: Any, text: str) -> Any:
    made = library.RTSPMediaFactory.new()
    made.set_launch(text)
    made.set_shared(True)
    made.set_protocols(rtsp.RTSPLowerTrans.TCP)
    role = gst.Structure.new_empty("viewer")
    for right in ("access", "construct"):
        role.set_value(f"media.factory.{right}", True)  # noqa: FBT003  GStreamer takes it so
    made.add_role_from_structure(role)
    return made


if __name__ == "__main__":
    main()
