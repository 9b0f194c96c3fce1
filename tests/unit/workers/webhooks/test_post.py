"""One try against real receivers, kind and unkind. Addresses are guarded as they are when it is for real."""

import socket
import ssl
import time

import pytest

from tests.support.https import have_openssl
from tests.support.receiver import drip, flood, hang, receiving, status
from workers.dialing import Target
from workers.webhooks.post import Poster
from workers.webhooks.schedule import Answer, NoAnswer

LOOPBACK = ["127.0.0.0/8"]
BODY = b'{"a": "\xc3\xbc"}'
SOON_S = 0.6
IN_TIME_S = 20.0
"""Whoever waits for one of these receivers' ends waits for at least half a minute."""


def poster(**options) -> Poster:
    return Poster(**({"timeout_s": 5.0, "private_hosts": LOOPBACK} | options))


def stands_for(*addresses: str):
    """A resolver for which every name has these addresses."""

    def resolve(_host, port):
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in addresses]

    return resolve


def test_what_a_receiver_gets():
    with receiving(status(200, b"thanks")) as receiver:
        said = poster().post(f"{receiver.url}/hook/ü?key=a%20b", BODY, {"webhook-id": "msg_1"})
        port = receiver.url.rpartition(":")[2]
    assert said == Answer(200)
    (got,) = receiver.got
    assert (got.path, got.body) == ("/hook/%C3%BC?key=a%20b", BODY)
    assert got.headers["host"] == f"127.0.0.1:{port}"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-length"] == str(len(BODY))
    assert got.headers["connection"] == "close"


@pytest.mark.parametrize("number", [204, 301, 307, 400, 410, 500, 503])
def test_a_status_is_passed_on(number):
    with receiving(status(number, retry_after="7")) as receiver:
        assert poster().post(receiver.url, BODY, {}) == Answer(number, 7.0)


def test_a_redirect_is_not_followed():
    with receiving() as inner, receiving(status(302, location=inner.url)) as receiver:
        assert poster().post(receiver.url, BODY, {}) == Answer(302)
    assert len(receiver.got) == 1
    assert inner.got == []


@pytest.mark.parametrize(
    "conduct",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 99),
        drip(b"H" * 99),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    ],
    ids=["silent", "dripping header", "dripping status", "for ever about to"],
)
def test_the_time_holds_for_all_of_it(conduct):
    with receiving(conduct) as receiver:
        begun = time.monotonic()
        said = poster(timeout_s=SOON_S).post(receiver.url, BODY, {})
        took_s = time.monotonic() - begun
    assert isinstance(said, NoAnswer)
    assert took_s < IN_TIME_S


def test_an_answer_is_good_although_its_body_drips_on():
    with receiving(drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 9_999, 0.001)) as receiver:
        begun = time.monotonic()
        assert poster(timeout_s=30).post(receiver.url, BODY, {}) == Answer(200)
        assert time.monotonic() - begun < IN_TIME_S


def test_endless_headers_are_not_read_to_their_end():
    with receiving(flood) as receiver:
        begun = time.monotonic()
        said = poster(timeout_s=30).post(receiver.url, BODY, {})
        assert time.monotonic() - begun < IN_TIME_S
    assert isinstance(said, NoAnswer | Answer)


def test_a_receiver_that_takes_nothing():
    """Its buffers fill up: sending has to end in time too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        begun = time.monotonic()
        said = poster(timeout_s=SOON_S).post(url, bytes(30_000_000), {})
        assert time.monotonic() - begun < IN_TIME_S
    assert said == NoAnswer("no answer within 0.6 s")


def test_a_resolver_that_takes_too_long():
    with receiving() as receiver:

        def resolve(_host, port):
            receiver.over.wait(60)
            return [(socket.AF_INET, ("127.0.0.1", port))]

        begun = time.monotonic()
        said = poster(timeout_s=SOON_S, resolve=resolve).post(receiver.url, BODY, {})
        assert time.monotonic() - begun < IN_TIME_S
    assert said == NoAnswer("no answer within 0.6 s")


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"\xff" * 70_000])
def test_what_is_not_http(answer):
    def conduct(request):
        request.wfile.write(answer)

    with receiving(conduct) as receiver:
        said = poster().post(receiver.url, BODY, {})
    assert isinstance(said, NoAnswer)
    assert said.reason


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    assert poster().post(url, BODY, {}) == NoAnswer("it can't be reached: Connection refused")


# --- whom it calls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1"])
def test_loopback_is_not_called_in_any_spelling(host):
    with receiving() as receiver:
        said = poster(private_hosts=[]).post(receiver.url.replace("127.0.0.1", host), BODY, {})
    assert said == NoAnswer("its host has an address that isn't public")
    assert receiver.got == []


def test_a_public_name_that_stands_for_loopback_is_not_called():
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        said = poster(private_hosts=[], resolve=stands_for("127.0.0.1")).post(url, BODY, {})
        mixed = poster(private_hosts=[], resolve=stands_for("1.1.1.1", "::ffff:127.0.0.1")).post(url, BODY, {})
    assert said == mixed == NoAnswer("its host has an address that isn't public")
    assert receiver.got == []


def test_the_address_that_was_looked_at_is_the_one_called():
    """A name is looked up once: an answer that changes in between finds nobody."""
    asked = []

    def resolve(host, port):
        asked.append(host)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "Hooks.Example.")
        assert poster(resolve=resolve).post(url, BODY, {}) == Answer(204)
    assert asked == ["hooks.example"]
    assert receiver.got[0].headers["host"].startswith("hooks.example:")


def test_a_listed_name_may_stand_for_anything():
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert poster(private_hosts=["LocalHost"]).post(url, BODY, {}) == Answer(204)


def test_the_next_address_is_called_when_one_does_not_answer():
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        assert poster(resolve=stands_for("127.0.0.9", "127.0.0.1")).post(url, BODY, {}) == Answer(204)


@pytest.mark.parametrize(
    "url", ["http://:80/", "http://[::1/", "http://a:99999/", "http://" + "a" * 70 + ".example/"]
)
def test_what_can_not_be_called(url):
    said = poster().post(url, BODY, {})
    assert isinstance(said, NoAnswer)
    assert said.reason


def test_an_unknown_name():
    said = poster().post("http://nobody.invalid/", BODY, {})
    assert isinstance(said, NoAnswer)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://A.example/x", "a.example"),
        ("https://a.example:8443", "a.example:8443"),
        ("http://[::1]:81/", "[::1]:81"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]"),
    ],
)
def test_the_host_as_it_is_told_to_the_receiver(url, authority):
    assert Target.of(url).authority == authority


# --- TLS -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not have_openssl(), reason="needs openssl to make a certificate")
def test_tls_is_verified_by_the_name_of_the_url(tmp_path):
    with receiving(tls=tmp_path) as receiver:
        trusting = ssl.create_default_context(cafile=receiver.certificate)
        assert poster(tls=trusting).post(receiver.url, BODY, {}) == Answer(204)
        stranger = poster().post(receiver.url, BODY, {})
        named = receiver.url.replace("127.0.0.1", "hooks.example")
        misnamed = poster(tls=trusting, resolve=stands_for("127.0.0.1")).post(named, BODY, {})
    assert isinstance(stranger, NoAnswer)
    assert stranger.reason.startswith("no safe connection: self-signed certificate")
    assert isinstance(misnamed, NoAnswer)
    assert "hooks.example" in misnamed.reason
    assert len(receiver.got) == 1


def test_tls_with_somebody_silent_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        begun = time.monotonic()
        assert poster(timeout_s=SOON_S).post(url, BODY, {}) == NoAnswer("no answer within 0.6 s")
        assert time.monotonic() - begun < IN_TIME_S
