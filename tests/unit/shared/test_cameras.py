"""Addresses with logins, and cameras as an operator writes them."""

import pytest
from pydantic import ValidationError

from shared.cameras import CameraSettings, RtspAddress
from shared.pipeline_settings import PipelineSettings
from shared.settings import Settings


@pytest.mark.parametrize(
    ("text", "url", "user", "password"),
    [
        ("rtsp://h/x", "rtsp://h/x", "", ""),
        ("rtsp://u:p%40s%3As@h:8554/a?b=c#d", "rtsp://h:8554/a?b=c", "u", "p@s:s"),
        ("rtsps://u@[::1]:322/", "rtsps://[::1]:322/", "u", ""),
        (" rtsp://10.0.0.1 ", "rtsp://10.0.0.1", "", ""),
    ],
)
def test_an_address_comes_apart(text: str, url: str, user: str, password: str):
    found = RtspAddress.of(text)
    assert (found.url, found.user, found.password) == (url, user, password)
    assert all(secret in {password, "p%40s%3As"} for secret in found.secrets)


@pytest.mark.parametrize("text", ["http://u:s3cret@h/x", "rtsp://", "rtsp://u:s3cret@h:x/", "10.0.0.1", ""])
def test_what_is_no_address_isnt_repeated(text: str):
    with pytest.raises(ValueError, match="rtsp://") as refused:
        RtspAddress.of(text)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "camera",
    [
        {},
        {"url": "rtsp://h", "device": "/dev/video0"},
        {"device": "/etc/passwd"},
        {"device": "/dev/v4l/by-id/../../sda"},
        {"url": "http://h"},
        {"url": "rtsp://h", "codec": "theora"},
        {"url": "rtsp://h", "latency": 5},
    ],
)
def test_what_is_no_camera(camera: dict[str, str]):
    with pytest.raises(ValidationError):
        CameraSettings.model_validate(camera)


def test_cameras_come_from_the_environment_and_keep_their_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRAMELANE_PIPELINES__CAMERAS", '{"yard": {"url": "rtsp://u:s3cret@h/x", "codec": "h264"}}')
    settings = Settings()
    assert settings.pipelines.cameras["yard"].kind == "network"
    assert "s3cret" not in f"{settings!r}{settings.model_dump_json()}"
    monkeypatch.setenv("FRAMELANE_PIPELINES__CAMERAS", '{"yard": {"url": "http://u:s3cret@h/x"}}')
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "s3cret" not in str(refused.value)


def test_a_server_for_live_streams_is_an_address():
    with pytest.raises(ValidationError, match="rtsp://"):
        PipelineSettings(live_server="media:8554")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError, match="rtsp://"):
        PipelineSettings(live_public="http://here")
