"""What goes over a WebSocket is what any other server would send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from api.sockets import text_frame


def read(content: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    client.receive_data(content)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_client_reads_what_was_told(texts: list[str]) -> None:
    told = read(b"".join(map(text_frame, texts)))
    assert [bytes(frame.data).decode() for frame in told] == texts
    assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in told)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 100_000])
def test_every_form_of_length(size: int) -> None:
    (frame,) = read(text_frame("x" * size))
    assert len(frame.data) == size


def test_followers_share_one_copy() -> None:
    assert text_frame('{"seq":1}') is text_frame('{"seq":1}')
