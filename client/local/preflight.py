"""What can be known to be wrong before anything is started, each with what helps."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from client.local.environment import CannotStart, settings_of
from client.local.supervisor import told_reason
from shared.adapters.redis_connection import BlockingRedis
from shared.devices import Device, Lane
from shared.errors import StoreUnavailable
from shared.settings import ArtifactSettings, Settings

_REDIS_S = 2.0
"""For connecting and for answering; a name with two addresses takes twice as long to connect to."""
_DEVICE_S = 60.0
_URL_LOOKS = "the URL of a Redis looks like redis://[:password@]host:6379/0, or rediss:// for TLS"

# The worker's own look at its device, in a process that ends with it: a wing knows no other, and drivers crash.
_LOOK = """
import os, sys
from shared.devices import Lane
from shared.settings import Settings
from workers.errors import CannotStart
from workers.child import pin
lane = Lane(sys.argv[1])
try:
    pin(lane, lane.device, Settings().worker)
except CannotStart as error:
    print("reason=" + repr(str(error)))
    sys.exit(os.EX_CONFIG)
"""


def check(environ: Mapping[str, str], host: str, port: int, lanes: Sequence[str]) -> None:
    """Raises CannotStart for the first thing that would keep the system from starting.

    Takes milliseconds; up to 5 s for a Redis of one's own, and a second or two for each lane of an accelerator.
    """
    settings = settings_of(environ)
    _check_address(host, port, asks=settings.auth.mode != "off")
    _check_artifacts(settings.artifacts)
    _check_redis(settings, environ)
    for lane in lanes:
        if Lane(lane).device != Device.CPU or settings.worker.cores:
            _check_device(lane, environ)


def is_loopback(host: str) -> bool:
    """As the gateway sees it: a name other than ``localhost`` isn't."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_address(host: str, port: int, *, asks: bool) -> None:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        msg = f"--host {host}: no address of this name is known; use 127.0.0.1, or an address of this machine"
        raise CannotStart(msg) from error
    if not asks and not is_loopback(host):
        msg = (
            f"--host {host}: without authentication only loopback addresses are served; "
            "set FRAMELANE_AUTH=keys, and make keys with `framelane keys create`"
        )
        raise CannotStart(msg)
    failures = [_bind(family, address) for family, _type, _protocol, _name, address in found]
    for failure in failures:
        if failure and (failure.errno in {errno.EADDRINUSE, errno.EACCES} or all(failures)):
            raise CannotStart(_unusable(host, port, failure)) from failure


def _bind(family: int, address: tuple[object, ...]) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _unusable(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"--port {port}: somebody already listens there on {host}; name another one, or 0 for a free one"
            )
        case errno.EACCES:
            return f"--port {port}: this user may not listen there; name one from 1024 on, or 0 for a free one"
        case _:
            return f"--host {host}: it isn't an address of this machine ({error.strerror})"


def _check_artifacts(settings: ArtifactSettings) -> None:
    if settings.kind != "s3":
        return
    needed = {
        "ENDPOINT": settings.endpoint,
        "ACCESS_KEY": settings.access_key,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    missing = [f"FRAMELANE_ARTIFACTS__{name}" for name, value in needed.items() if not value]
    if missing:
        msg = (
            f"FRAMELANE_ARTIFACTS__KIND=s3 needs {', '.join(missing)} too; unset it to keep artifacts in a folder"
        )
        raise CannotStart(msg)
    if "/" in settings.endpoint:
        msg = "FRAMELANE_ARTIFACTS__ENDPOINT: it is host:port alone; FRAMELANE_ARTIFACTS__SECURE=false is for http"
        raise CannotStart(msg)


def _check_redis(settings: Settings, environ: Mapping[str, str]) -> None:
    if environ.get("REDIS_URL"):
        _ping("REDIS_URL", settings.store_url, settings)
    elif environ.get("FRAMELANE_REDIS__URL"):
        _ping("FRAMELANE_REDIS__URL", settings.store_url, settings)
    if settings.broker.url:
        _ping("FRAMELANE_BROKER__URL", settings.broker.url, settings)


def _ping(variable: str, url: str, settings: Settings) -> None:
    limits = {"connect_timeout_s": _REDIS_S, "socket_timeout_s": _REDIS_S}
    short = settings.redis.model_copy(update=limits)
    try:
        client = BlockingRedis(settings.model_copy(update={"redis_url": url, "redis": short}))
    except ValueError as error:
        raise CannotStart(f"{variable}: {_URL_LOOKS}") from error
    try:
        client.command("PING")
    except (StoreUnavailable, OSError) as error:
        why = " ".join(str(error.__cause__ or error).split()).rstrip(".")
        msg = (
            f"{variable}: no Redis answers at {_without_login(url)} ({why}); "
            "start it, correct the URL, or unset the variable to have one started here"
        )
        raise CannotStart(msg) from error
    finally:
        client.close()


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _check_device(lane: str, environ: Mapping[str, str]) -> None:
    try:
        look = subprocess.run(
            [sys.executable, "-P", "-c", _LOOK, lane],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEVICE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotStart(f"lane {lane}: its device doesn't answer within {_DEVICE_S:.0f} s") from error
    if look.returncode == os.EX_CONFIG:
        raise CannotStart(f"lane {lane}: {told_reason(look.stdout)}")
