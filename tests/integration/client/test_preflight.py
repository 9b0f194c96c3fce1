"""What `framelane up` refuses before it starts anything: one line, exit code 2."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local.environment import CannotStart, settings_of
from client.local.preflight import check
from tests.support.stacks import own_environ

UP = [str(Path(sys.executable).with_name("framelane")), "up"]


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port on which nobody listens, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def refused(tmp_path: Path, *options: str, **environ: str) -> str:
    done = subprocess.run(
        [*UP, "--data-dir", str(tmp_path / "data"), *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=own_environ() | environ,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FRAMELANE_LIMITS__BODY_BYTES": "-3"}, "FRAMELANE_LIMITS__BODY_BYTES: Input should be greater than 0"),
        ({"FRAMELANE_AUTH": "maybe"}, "FRAMELANE_AUTH: Input should be 'off', 'keys', 'jwt' or 'both'"),
        ({"FRAMELANE_LIMITS": "many"}, "FRAMELANE_LIMITS: a whole section is a JSON object"),
        ({"REDIS_URL": "rubbish"}, "REDIS_URL: the URL of a Redis looks like redis://"),
        (
            {"FRAMELANE_BROKER__URL": "amqp://here"},
            "FRAMELANE_BROKER__URL: the URL of a Redis looks like redis://",
        ),
        (
            {"FRAMELANE_ARTIFACTS__KIND": "s3", "FRAMELANE_ARTIFACTS__ACCESS_KEY": "me"},
            "needs FRAMELANE_ARTIFACTS__ENDPOINT, FRAMELANE_ARTIFACTS__SECRET_KEY too",
        ),
    ],
)
def test_wrong_settings_are_named_by_their_variable(environ: dict[str, str], said: str):
    with pytest.raises(CannotStart) as refusal:
        check(environ, "127.0.0.1", 0, ["io"])
    assert said in refusal.value.detail
    assert "\n" not in refusal.value.detail


def test_settings_come_from_the_given_environment_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRAMELANE_LIMITS__PAGE", "7")
    settings = settings_of({"FRAMELANE_LIMITS__PARTS": "9", "FRAMELANE_AUTH": "off", "REDIS_URL": "redis://there"})
    assert (settings.limits.page, settings.limits.parts) == (200, 9)
    assert (settings.auth.mode, settings.store_url) == ("off", "redis://there")


@pytest.mark.parametrize(
    ("host", "environ", "said"),
    [
        ("0.0.0.0", {}, "set FRAMELANE_AUTH=keys"),
        ("nowhere.invalid", {}, "no address of this name is known"),
        ("192.0.2.1", {"FRAMELANE_AUTH": "keys"}, "isn't an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_served(host: str, environ: dict[str, str], said: str):
    with pytest.raises(CannotStart, match=said):
        check(environ, host, 0, ["io"])


def test_addresses_that_can_be_served():
    check({}, "localhost", 0, ["io"])
    check({"FRAMELANE_AUTH": "keys"}, "0.0.0.0", 0, ["io"])


def test_wrong_settings_on_the_command_line(tmp_path: Path):
    assert "FRAMELANE_WORKER__LEASE_S: " in refused(tmp_path, FRAMELANE_WORKER__LEASE_S="soon")


def test_a_busy_port_is_told_and_the_directory_is_free_again(tmp_path: Path, listening: int):
    for _ in range(2):
        assert refused(tmp_path, "--port", str(listening)).startswith(f"--port {listening}: somebody already")


def test_a_redis_that_nobody_answers_for_is_told_without_its_password(tmp_path: Path, silent: int):
    said = refused(tmp_path, REDIS_URL=f"redis://:geheim@127.0.0.1:{silent}/0")
    assert said.startswith(f"REDIS_URL: no Redis answers at redis://127.0.0.1:{silent}/0")
    assert "unset the variable" in said
    assert "geheim" not in said


@pytest.mark.parametrize("lanes", ["", ","])
def test_no_lane_at_all(tmp_path: Path, lanes: str):
    assert refused(tmp_path, "--lanes", lanes).startswith("name at least one lane")


def test_a_lane_without_its_device_gives_the_reason_once_and_nothing_is_started(tmp_path: Path):
    # No machine has a hundredth one.
    said = refused(tmp_path, "--lanes", "gpu.99,cpu")
    assert said.startswith("lane gpu.99: ")
    assert "--lane " not in said
    assert not (tmp_path / "data" / "valkey").exists()


def test_a_directory_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").touch()
    assert "name a folder that can be written to" in refused(
        tmp_path, "--data-dir", str(tmp_path / "file" / "data")
    )
