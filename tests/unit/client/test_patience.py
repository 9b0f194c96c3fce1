"""Calls that meet no gateway: which are made again, and for how long."""

from collections.abc import Callable

import httpx2
import pytest

from client.sdk import AsyncFramelane, ConnectionFailed, Framelane
from tests.support.hands import Hand

STATUS = {"phase": "RUNNING", "version": "1", "workers": 0, "lanes": []}


class Flaky:
    """A network on which a gateway answers, but for the calls whose numbers are in ``fails``."""

    def __init__(self, *fails: int, error: type[httpx2.TransportError] = httpx2.ReadError) -> None:
        self.asked = 0
        self._fails = fails
        self._error = error

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if self.asked in self._fails:
            raise self._error("reset", request=request)
        if request.url.path.endswith("/status"):
            return httpx2.Response(200, json=STATUS)
        return httpx2.Response(409, json={"title": "no", "detail": "no", "status": 409, "type": "about:blank"})


@pytest.fixture(params=[Framelane, AsyncFramelane])
def hand_on(request: pytest.FixtureRequest) -> Callable[..., Hand]:
    def made(network: Flaky, patience_s: float = 3.0) -> Hand:
        transport = httpx2.MockTransport(network.answer)
        return Hand(request.param("http://gateway", patience_s=patience_s, transport=transport))

    return made


async def test_a_gateway_that_starts_again_is_waited_for(hand_on: Callable[..., Hand]) -> None:
    network = Flaky(2, 3)
    hand = hand_on(network)
    await hand.status()
    await hand.status()
    assert network.asked == 4


async def test_one_that_never_answered_is_told_at_once(hand_on: Callable[..., Hand]) -> None:
    network = Flaky(1, error=httpx2.ConnectError)
    with pytest.raises(ConnectionFailed, match="reset"):
        await hand_on(network).status()
    assert network.asked == 1


async def test_patience_ends(hand_on: Callable[..., Hand]) -> None:
    network = Flaky(*range(2, 100))
    hand = hand_on(network, patience_s=0.2)
    await hand.status()
    with pytest.raises(ConnectionFailed):
        await hand.status()
    assert network.asked == 1 + 3, "tried after pauses of 0.1 and 0.1 s"


async def test_an_answer_that_took_too_long_is_not_asked_for_again(hand_on: Callable[..., Hand]) -> None:
    network = Flaky(2, error=httpx2.ReadTimeout)
    hand = hand_on(network)
    await hand.status()
    with pytest.raises(ConnectionFailed):
        await hand.status()
    assert network.asked == 2


SPEC = {"kind": "model_download", "models": ["asl"]}


@pytest.mark.parametrize(
    ("call", "tries"),
    [
        (lambda hand: hand.submit(SPEC), 1),
        (lambda hand: hand.submit(SPEC, idempotency_key="k"), 2),
        (lambda hand: hand.submit(SPEC, job_id="7d444840-9dc0-11d1-b245-5ffdce74fad2"), 2),
        (lambda hand: hand.cancel("j"), 2),
        (lambda hand: hand.get("j"), 2),
        (lambda hand: hand.retry("j"), 1),
        (lambda hand: hand.delete("j"), 1),
    ],
)
async def test_only_what_does_no_harm_is_made_again(
    hand_on: Callable[..., Hand], call: Callable[[Hand], object], tries: int
) -> None:
    network = Flaky(2)
    hand = hand_on(network)
    await hand.status()
    with pytest.raises(Exception, match=r"reset|no"):
        await call(hand)  # type: ignore[misc]
    assert network.asked == 1 + tries
