"""The first key, made in a real store without a gateway; and what `framelane up` refuses without any."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client.cli import app
from client.cli.output import OK, PROBLEM
from client.local import LocalStack
from shared.access import Role, key_id_of
from shared.adapters.redis_keys import RedisKeyStore
from shared.settings import Settings
from tests.support.stacks import own_environ

pytestmark = pytest.mark.service


async def kept(settings: Settings, key_id: str):
    store = RedisKeyStore(settings)
    try:
        return await store.get(key_id)
    finally:
        await store.close()


def run(settings: Settings, *words: str):
    named = {"REDIS_URL": settings.store_url, "FRAMELANE_REDIS__PREFIX": settings.redis.prefix}
    return CliRunner().invoke(app, ["keys", *words, "--store"], env=named)


async def _in_thread(settings: Settings, *words: str):
    """The command runs a loop of its own."""
    return await asyncio.to_thread(run, settings, *words)


async def test_keys_straight_in_the_store(settings: Settings):
    made = await _in_thread(settings, "create", "first", "--role", "admin")
    token = made.stdout.strip()
    key_id = key_id_of(token)
    assert made.exit_code == OK
    assert key_id is not None
    key = await kept(settings, key_id)
    assert key is not None
    assert (key.role, key.is_of(token)) == (Role.ADMIN, True)
    listed = await _in_thread(settings, "list", "--json")
    assert [each["id"] for each in json.loads(listed.stdout)] == [key_id]
    assert token not in listed.stdout
    assert (await _in_thread(settings, "revoke", key_id)).exit_code == OK
    assert await kept(settings, key_id) is None
    assert (await _in_thread(settings, "revoke", key_id)).exit_code == PROBLEM


@pytest.mark.parametrize("command", [["framelane", "up"], ["framelane-gateway"]])
def test_nothing_is_served_to_others_without_keys(command: list[str], tmp_path: Path):
    program = str(Path(sys.executable).with_name(command[0]))
    asked = [program, *command[1:], "--host", "0.0.0.0", "--port", "0"]
    environ = own_environ() | {"FRAMELANE_AUTH": "off"}  # `up` would make a key where nothing is said
    where = ["--data-dir", str(tmp_path / "data")] if "up" in command else []
    done = subprocess.run(
        [*asked, *where], capture_output=True, text=True, timeout=120, env=environ, cwd=tmp_path, check=False
    )
    assert done.returncode == (PROBLEM if where else 78)
    assert "FRAMELANE_AUTH=keys" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_socket() or path.suffix == ".rdb"] == []


def test_up_makes_a_key_where_nothing_is_said_of_callers(tmp_path: Path):
    options = {"lanes": ("cpu",), "host": "0.0.0.0", "environ": own_environ()}
    made = LocalStack(tmp_path, **options).made_key
    assert made is not None
    assert len(made) >= 32
    (path,) = [each for each in tmp_path.iterdir() if each.read_text("utf-8").strip() == made]
    assert path.stat().st_mode & 0o077 == 0, "for its owner alone"
    assert LocalStack(tmp_path, **options).made_key is None, "told once"
    assert LocalStack(tmp_path / "other", **options | {"host": "127.0.0.1"}).made_key is None
