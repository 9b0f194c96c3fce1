"""Who may be called: laws over all addresses, and the spellings that people hide a private one in."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import host_of, is_public, literal_host_refused, may_call

INNER_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INNER_V6 = [
    "::/128",
    "::1/128",
    "::7f00:0/104",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def within(networks: list[str]) -> st.SearchStrategy[str]:
    nets = [IPv6Network(one) if ":" in one else IPv4Network(one) for one in networks]
    return st.sampled_from(nets).flatmap(
        lambda net: st.integers(0, net.num_addresses - 1).map(lambda at: str(net[at]))
    )


inner_v4 = within(INNER_V4)
any_v4 = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))


def embedded(v4: str) -> list[str]:
    number = int(IPv4Address(v4))
    return [
        f"::ffff:{v4}",
        f"64:ff9b::{v4}",
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
    ]


def spellings(v4: str) -> list[str]:
    number = int(IPv4Address(v4))
    first, rest = divmod(number, 2**24)
    return [v4, str(number), hex(number), f"0{number:o}", f"{first}.{rest}", f"0x{first:x}.{rest}", f"{v4}."]


@given(inner_v4 | within(INNER_V6))
def test_no_address_of_an_inner_network_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)
    assert literal_host_refused(f"http://[{address}]/" if ":" in address else f"http://{address}/") is None


@given(any_v4)
def test_an_embedded_address_is_judged_as_itself(v4):
    assert {is_public(form) for form in embedded(v4)} == {is_public(v4)}


@given(inner_v4)
def test_a_private_address_is_refused_in_every_spelling(v4):
    for form in spellings(v4):
        refused = literal_host_refused(f"http://{form}:8080/hook")
        assert refused is not None
        assert "PRIVATE_HOSTS" in refused
    assert all(literal_host_refused(f"https://[{form}]/") for form in embedded(v4))


@given(inner_v4)
def test_what_is_listed_is_allowed_in_every_spelling_and_nothing_else(v4):
    for listed in ([v4], [f"{v4}/32"]):
        assert all(is_public(form, listed) for form in [v4, *embedded(v4)])
        assert all(literal_host_refused(f"http://{form}/", listed) is None for form in spellings(v4))
        other = str(IPv4Address(int(IPv4Address(v4)) ^ 1))
        assert not is_public(other, listed)


def test_a_network_that_is_listed_allows_its_addresses():
    assert is_public("10.1.2.3", ["name", "10.1.0.0/16", "fd00::/8"])
    assert is_public("fd00::1%eth0", ["fd00::/8"])
    assert not is_public("10.2.2.3", ["10.1.0.0/16"])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "\uff11\uff12\uff17.0.0.1", "127。0。0。1"]
)
def test_other_ways_to_say_this_machine(host):
    assert literal_host_refused(f"http://{host}/")


def test_a_listed_name_may_stand_for_any_address():
    assert literal_host_refused("http://LocalHost:9/", ["localhost"]) is None
    assert may_call("hooks.internal", "10.0.0.1", ["Hooks.Internal"])
    assert not may_call("hooks.internal", "10.0.0.1", ["other.internal"])


@pytest.mark.parametrize("url", ["http://hooks.example/x?y=1", "https://müller.example:8443/", "http://a.b./"])
def test_a_name_that_needs_looking_up_passes(url):
    assert literal_host_refused(url) is None


@pytest.mark.parametrize(
    "url", ["http://[::1/", "http://a:99999/", "http://a:0/", "http://:80/", "http://a..b/", "http://./"]
)
def test_what_can_not_be_called_is_refused_with_a_sentence(url):
    assert literal_host_refused(url)


def test_a_host_has_one_form():
    assert host_of("https://EXAMPLE.com.:443/p") == host_of("http://example.com") == "example.com"
    assert host_of("https://Müller.example/") == "xn--mller-kva.example"
