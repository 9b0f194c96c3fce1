"""Settings from the environment."""

import secrets

import pytest
from pydantic import ValidationError

from client.local.environment import settings_of
from shared.settings import Settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("FRAMELANE_") or name in {"REDIS_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
            monkeypatch.delenv(name)


def test_defaults_need_nothing():
    settings = Settings()
    assert settings.store_url == settings.broker_url == "redis://127.0.0.1:6379/0"
    assert settings.artifacts.kind == "local"
    assert settings.auth.mode == "off"


def test_sections_are_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRAMELANE_REDIS__PREFIX", "mine")
    monkeypatch.setenv("FRAMELANE_WORKER__LANE", "gpu.1")
    monkeypatch.setenv("FRAMELANE_ARTIFACTS__KIND", "s3")
    monkeypatch.setenv("FRAMELANE_ARTIFACTS__SECRET_KEY", "hidden")
    monkeypatch.setenv("FRAMELANE_LIMITS__BODY_BYTES", "1000")
    monkeypatch.setenv("FRAMELANE_UNHEARD__OF", "1")
    settings = Settings()
    assert (settings.redis.prefix, settings.worker.lane, settings.limits.body_bytes) == ("mine", "gpu.1", 1_000)
    assert settings.artifacts.kind == "s3"
    assert settings.artifacts.secret_key.get_secret_value() == "hidden"
    assert "hidden" not in repr(settings)


def test_one_redis_for_all_unless_the_broker_has_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRAMELANE_REDIS__URL", "redis://section/1")
    assert Settings().broker_url == Settings().store_url == "redis://section/1"
    monkeypatch.setenv("REDIS_URL", "redis://plain/2")
    assert Settings().broker_url == Settings().store_url == "redis://plain/2"
    monkeypatch.setenv("FRAMELANE_BROKER__URL", "redis://broker/3")
    assert (Settings().store_url, Settings().broker_url) == ("redis://plain/2", "redis://broker/3")


def test_the_short_name_of_the_mode_leaves_the_rest_of_its_section(monkeypatch: pytest.MonkeyPatch):
    secret = secrets.token_urlsafe(32)
    given = {"FRAMELANE_AUTH": "keys", "FRAMELANE_AUTH__ADMIN_KEY": secret, "FRAMELANE_AUTH__RECHECK_S": "7"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for auth in (Settings().auth, settings_of(given).auth):
        assert (auth.mode, auth.admin_key.get_secret_value(), auth.recheck_s) == ("keys", secret, 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAMELANE_ARTIFACTS__LINK_TTL_S", "901"),
        ("FRAMELANE_ARTIFACTS__KIND", "ftp"),
        ("FRAMELANE_WORKER__CONCURRENCY", "0"),
        ("FRAMELANE_LOG__LEVEL", "LOUD"),
        ("FRAMELANE_REDIS__SOCKET_TIMEOUT_S", "-1"),
        ("FRAMELANE_AUTH__MODE", "maybe"),
    ],
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert raised.value.errors()[0]["loc"] == tuple(name.removeprefix("FRAMELANE_").lower().split("__"))
