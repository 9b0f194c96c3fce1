"""A multipart body taken apart as it comes: nothing of it is kept here. Pure."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import Refused


@dataclass(frozen=True, slots=True)
class PartBegins:
    """``filename`` is None for a plain field."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the part that began last."""

    content: bytes


Event = PartBegins | PartData


class MultipartReader:
    """Fed with the body piece by piece. Raises Refused for what isn't well formed (400), or has too many parts."""

    def __init__(self, content_type: str, most_parts: int) -> None:
        self._most_parts = most_parts
        self._events: list[Event] = []
        self._parts = 0
        self._ended = False
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise Refused(400, "malformed-multipart", "the Content-Type names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": lambda data, start, end: self._events.append(PartData(data[start:end])),
                    "on_end": self._ends,
                },
            )
        except FormParserError as error:
            raise Refused(400, "malformed-multipart", str(error)) from error

    def feed(self, piece: bytes) -> list[Event]:
        """What it brought."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            self._parser.callbacks = {}
            raise Refused(400, "malformed-multipart", str(error)) from error
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """The body is over; Refused if its last boundary hasn't come."""
        self._parser.callbacks = {}  # each holds this: else it would be left to Python's collector
        if not self._ended:
            raise Refused(400, "malformed-multipart", "the body ends before its last boundary")

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > self._most_parts:
            raise Refused(413, "too-many-parts", f"at most {self._most_parts} parts are taken")
        self._disposition = b""

    def _header_ends(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise Refused(400, "malformed-multipart", "a part has no name")
        filename = options.get(b"filename")
        self._events.append(PartBegins(_text(options[b"name"]), None if filename is None else _text(filename)))

    def _ends(self) -> None:
        self._ended = True


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")  # two names stay two
