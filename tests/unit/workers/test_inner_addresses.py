"""Sixty ways to name what only this machine and its network should reach: a server that waits there is never asked."""

import socket
from collections.abc import Iterator

import pytest

from shared.settings import SourceSettings
from tests.support.receiver import Receiver, receiving, status
from workers.hubs.http import Getter
from workers.webhooks.post import Poster
from workers.webhooks.schedule import NoAnswer

HOSTS = (
    # This machine, as one may write it.
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost."),
    *("a.localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0x7f.0x0.0x0.0x1"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "①②⑦.⓪.⓪.①", "127。0。0。1"),
    # Where clouds tell secrets.
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "169.254.170.2"),
    *("100.100.100.200", "192.0.0.192", "[fe80::1]", "[fe80::1%25eth0]", "0251.0376.0251.0376"),
    # Networks of one's own, and what is nobody's.
    *("10.0.0.1", "10.255.255.255", "012.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.1"),
    *("3232235777", "[fc00::1]", "[fd12:3456:789a::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]"),
    *("100.64.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "224.0.0.1"),
    *("[ff02::1]", "[2001:db8::1]", "[100::1]"),
)  # fmt: skip


@pytest.fixture
def canary() -> Iterator[Receiver]:
    with receiving(status(200, b"inside")) as receiver:
        yield receiver
        assert receiver.got == []


def flipping(_host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """A name with a public address and one of ours."""
    return [(socket.AF_INET, ("93.184.215.14", port)), (socket.AF_INET, ("127.0.0.1", port))]


def test_there_are_sixty():
    assert len(set(HOSTS)) >= 60


@pytest.mark.parametrize("host", HOSTS)
def test_a_callback_never_gets_there(host: str, canary: Receiver):
    port = canary.url.rpartition(":")[2]
    said = Poster(timeout_s=2.0).post(f"http://{host}:{port}/", b"{}", {})
    assert isinstance(said, NoAnswer), said


@pytest.mark.parametrize("host", HOSTS)
def test_a_download_never_gets_there(host: str, canary: Receiver):
    port = canary.url.rpartition(":")[2]
    getter = Getter(SourceSettings(hosts=["*"], connect_s=2, silence_s=2))
    for scheme in ("http", "https"):
        with pytest.raises(Exception) as refused, getter.get(f"{scheme}://{host}:{port}/", {}, lambda: None):
            pass
        assert type(refused.value).__name__ in {"SourceRefused", "SourceUnavailable"}, refused.value


def test_nor_by_a_name_that_is_public_and_ours(canary: Receiver):
    port = canary.url.rpartition(":")[2]
    said = Poster(timeout_s=2.0, resolve=flipping).post(f"http://innocent.example:{port}/", b"{}", {})
    assert isinstance(said, NoAnswer)
    getter = Getter(SourceSettings(hosts=["*"], connect_s=2, silence_s=2), resolve=flipping)
    with (
        pytest.raises(Exception, match="public"),
        getter.get(f"https://innocent.example:{port}/", {}, lambda: None),
    ):
        pass


def test_a_canary_hears():
    """Else it would prove nothing."""
    with receiving(status(200)) as receiver:
        Poster(timeout_s=5.0, private_hosts=["127.0.0.0/8"]).post(receiver.url, b"{}", {})
    assert len(receiver.got) == 1
