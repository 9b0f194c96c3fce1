# pyright: reportUntypedBaseClass=false
"""gvametapublish: messages of frames into a file."""

import sys
from pathlib import Path
from typing import Any, TextIO

from workers.gst.elements import native
from workers.gst.elements.transform import Gst, InPlace, Property, reported

TABLE: dict[str, Property] = {
    "method": (str, "file"),
    "file-path": (str, "stdout"),
    "file-format": (str, "json"),
    "async-handling": (bool, False),
}


class Publication:
    """A file of messages: a JSON array, or one a line. Lines are appended to what is there; arrays replace it."""

    def __init__(self, path: str, *, lines: bool) -> None:
        self._lines = lines
        self._first = True
        self._own = path != "stdout"
        mode = "a" if lines else "w"
        self._file: TextIO = Path(path).open(mode, encoding="utf-8") if self._own else sys.stdout  # noqa: SIM115  until close()

    def write(self, message: str) -> None:
        """One more; it is with the system when this returns."""
        if self._lines:
            self._file.write(message + "\n")
        else:
            self._file.write(("[" if self._first else ",\n") + message)
        self._first = False
        self._file.flush()

    def close(self) -> None:
        """An array gets its end."""
        if not self._lines and (self._own or not self._first):
            self._file.write("[]\n" if self._first else "]\n")
        self._file.flush()
        if self._own:
            self._file.close()


class MetaPublish(InPlace):
    """Writes what gvametaconvert said."""

    element = "gvametapublish"
    purpose = "Publishes metadata"
    table = TABLE
    passthrough = True

    def __init__(self) -> None:
        super().__init__()
        self._publication: Publication | None = None

    @reported(failed=False)
    def do_start(self) -> bool:
        """See GstBaseTransform."""
        if self.value("method") != "file":
            msg = f"method {self.value('method')} needs DL Streamer itself; here there is only file"
            raise ValueError(msg)
        if self.value("file-format") not in {"json", "json-lines"}:
            msg = f"file-format is json or json-lines, not {self.value('file-format')!r}"
            raise ValueError(msg)
        self._publication = Publication(self.text("file-path"), lines=self.value("file-format") == "json-lines")
        return True

    @reported(failed=False)
    def do_set_caps(self, _incaps: Any, _outcaps: Any) -> bool:
        """Any will do."""
        return True

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        if self._publication is not None:
            for message in native.frame_of(hash(buffer)).messages:
                self._publication.write(message)
        return Gst.FlowReturn.OK

    @reported(failed=False)
    def do_stop(self) -> bool:
        """See GstBaseTransform."""
        publication, self._publication = self._publication, None
        if publication is not None:
            publication.close()
        return True


ELEMENTS = {"gvametapublish": MetaPublish}
