"""Which hosts of the network may be called on behalf of a stranger. Pure: nothing is resolved here.

``private_hosts``: names, addresses and networks (``10.1.0.0/16``) that may be called although they are private.
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_SETTING = "FRAMELANE_CALLBACKS__PRIVATE_HOSTS"


def host_of(url: str) -> str:
    """The host of a URL in the one form it is compared in: ASCII, lower case, no final dot, no brackets.

    Raises ValueError with a sentence if there is none, or if the port can't be one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"it isn't a URL one can call: {error}") from error
    try:
        name = host if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{host[:100]!r} isn't the name of a host") from error
    name = name.lower().removesuffix(".")
    if not name or port == 0:
        raise ValueError("it names no host, or no port, that one can call")
    return name


def is_public(address: str, private_hosts: Collection[str] = ()) -> bool:
    """Whether anyone's address on the public internet, or one of ``private_hosts``.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is what counts. Raises ValueError for no address.
    """
    ip = _innermost(ip_address(address.partition("%")[0]))
    return _is_global(ip) or any(_names(entry, ip) for entry in private_hosts)


def may_call(host: str, address: str, private_hosts: Collection[str] = ()) -> bool:
    """Whether ``address`` may be called under the name ``host`` (as ``host_of`` gives it)."""
    return is_listed(host, private_hosts) or is_public(address, private_hosts)


def is_listed(host: str, private_hosts: Collection[str]) -> bool:
    """Whether the name itself is one of ``private_hosts``."""
    return host in {entry.lower().removesuffix(".") for entry in private_hosts}


def is_named(host: str, private_hosts: Collection[str]) -> bool:
    """The same for a host that may spell out an address, which an entry's network may hold."""
    if is_listed(host, private_hosts):
        return True
    address = _spelled_out(host)
    return address is not None and any(_names(entry, _innermost(ip_address(address))) for entry in private_hosts)


def literal_host_refused(url: str, private_hosts: Collection[str] = (), setting: str = _SETTING) -> str | None:
    """Why the host that the URL spells out mustn't be called, as a sentence; None if it may be.

    A name that has to be looked up passes: what it stands for is to be judged when it is called. ``setting``:
    where an operator lists ``private_hosts``.
    """
    try:
        host = host_of(url)
    except ValueError as error:
        return str(error)
    address = _spelled_out(host)
    if address is None or may_call(host, address, private_hosts):
        return None
    said = host if host == address else f"{host} ({address})"
    return f"{said} isn't a public address; to allow it, the operator lists it in {setting}"


def _spelled_out(host: str) -> str | None:
    """The address a host stands for without being looked up, in any form that the C library reads."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # 2130706433, 0x7f.1, 0177.0.0.1
    except OSError:
        return None


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _is_global(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def _names(entry: str, ip: IPv4Address | IPv6Address) -> bool:
    """Whether the entry is this address or a network with it."""
    try:
        return ip in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
