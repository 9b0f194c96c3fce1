"""One port for several processes: the kernel gives each new connection to one of them, evenly (Linux)."""

import socket
from collections.abc import Sequence

Address = tuple[socket.AddressFamily, tuple[object, ...]]


def reserve(host: str, port: int) -> list[socket.socket]:
    """Sockets that hold the port (0: a free one) at all addresses of ``host`` and never listen.

    Raises OSError if any of it is taken, also by a group of processes that share it: that is another gateway.
    """
    held: list[socket.socket] = []
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, _, _, _, address in dict.fromkeys(infos):
            holder = _socket(family)
            held.append(holder)
            holder.bind((address[0], port, *address[2:]))
            port = holder.getsockname()[1]
            # Only now: whoever has it when it binds is let into a group of strangers.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except BaseException:
        for each in held:
            each.close()
        raise
    return held


def own(held: Sequence[socket.socket]) -> list[socket.socket]:
    """Sockets of this process at the same addresses, to listen at."""
    mine: list[socket.socket] = []
    for holder in held:
        each = _socket(holder.family)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind(holder.getsockname())
        mine.append(each)
    return mine


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # the other family has a socket of its own
    return made
