"""Several gateway processes on one port: one gateway to its clients."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.settings import Settings
from tests.support.gateway import worker
from tests.support.gateway_process import STOP_S, GatewayProcess, gateway_process
from tests.support.polling import eventually

pytestmark = pytest.mark.service

CONNECTIONS = 40
SPEC = json.dumps({"kind": "model_download", "models": ["asl"]})


@pytest.fixture
def gateway(settings: Settings, tmp_path: Path) -> Iterator[GatewayProcess]:
    beacon = RedisWorkerBeacon(settings)
    beacon.announce(worker("io"), 600)
    beacon.close()
    with gateway_process(settings, tmp_path, workers=2) as running:
        eventually(lambda: sum(map(listens, members(running))) == 2 or None, 20)
        yield running


def members(gateway: GatewayProcess) -> list[psutil.Process]:
    return psutil.Process(gateway.process.pid).children()


def listens(member: psutil.Process) -> bool:
    return any(each.status == psutil.CONN_LISTEN for each in member.net_connections("tcp"))


def connections(gateway: GatewayProcess) -> dict[int, int]:
    """The process of each client's port; the kernel's table can miss one while it changes."""
    return {
        each.raddr.port: member.pid
        for member in members(gateway)
        for each in member.net_connections("tcp")
        if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == gateway.port
    }


def shares(gateway: GatewayProcess) -> Counter[int]:
    """How many clients each process has."""
    return Counter(connections(gateway).values())


def opened(gateway: GatewayProcess, ending: ExitStack, count: int) -> list[HTTPConnection]:
    """Kept connections, all answered."""
    made = [HTTPConnection("127.0.0.1", gateway.port, timeout=20) for _ in range(count)]
    for each in made:
        ending.callback(each.close)
        assert asked(each, "GET", "/health/live")
    return made


def asked(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> bytes:
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    assert answer.status < 400
    return answer.read()


def test_connections_are_shared_and_all_hear_the_same(gateway: GatewayProcess) -> None:
    with ExitStack() as ending:
        made = opened(gateway, ending, CONNECTIONS)
        found = shares(gateway)
        assert sorted(found) == sorted(each.pid for each in members(gateway))
        assert min(found.values()) >= CONNECTIONS / 8, "less than that has a chance of one in a million"
        job_id = json.loads(asked(made[0], "POST", "/api/v1/jobs", SPEC))["id"]
        address = f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}"
        sockets = [ending.enter_context(connect(address)) for _ in range(10)]
        for socket in sockets:
            assert json.loads(socket.recv(20))["type"] == "snapshot"
        asked(made[1], "POST", f"/api/v1/jobs/{job_id}/cancel")
        assert [json.loads(socket.recv(20))["state"] for socket in sockets] == ["CANCELLED"] * 10


def test_killed_process_is_replaced_while_the_others_serve(gateway: GatewayProcess) -> None:
    before = members(gateway)
    with ExitStack() as ending:
        made = opened(gateway, ending, CONNECTIONS)
        victim = before[0].pid
        held = connections(gateway)
        others = [each for each in made if held.get(each.sock.getsockname()[1]) == before[1].pid]
        before[0].kill()
        for each in others:
            asked(each, "GET", "/health/live")
        eventually(
            lambda: victim not in {each.pid for each in members(gateway)} and len(members(gateway)) == 2, 20
        )
        eventually(lambda: len(after_more(gateway, ending)) == 2 or None, 20)


def after_more(gateway: GatewayProcess, ending: ExitStack) -> Counter[int]:
    """The shares after some more connections."""
    opened(gateway, ending, 5)
    return shares(gateway)


def test_all_drain_when_asked_to_stop(gateway: GatewayProcess) -> None:
    with ExitStack() as ending:
        feeds = [ending.enter_context(connect(f"ws://{gateway.address}/api/v1/ws/events")) for _ in range(10)]
        assert len(shares(gateway)) == 2
        everyone = members(gateway)
        gateway.terminate()
        for feed in feeds:
            with pytest.raises(ConnectionClosed) as closed:
                feed.recv(20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert gateway.process.wait(STOP_S) == 0
        assert psutil.wait_procs(everyone, 1)[1] == []


def test_port_of_others_isnt_shared(gateway: GatewayProcess, settings: Settings, tmp_path: Path) -> None:
    second = GatewayProcess(settings, tmp_path, workers=2, port=gateway.port)
    assert second.process.wait(STOP_S) == 1
    assert "already in use" in second.log.read_text("utf-8")


def test_killed_supervisor_leaves_no_process(gateway: GatewayProcess) -> None:
    everyone = members(gateway)
    gateway.process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(everyone, STOP_S)[1] == []
