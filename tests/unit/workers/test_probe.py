"""What is asked of the helper that looks into files, and what becomes of it."""

from pathlib import Path

import pytest

from shared.errors import JobCancelled
from shared.media_errors import ArchiveCorrupted, InvalidImage, InvalidVideo, UnsupportedCodec
from shared.settings import MediaSettings, Settings
from tests.support.media import make_video
from workers.looking import Kind
from workers.probe import limits_of, probe

SETTINGS = Settings(media=MediaSettings(codecs=frozenset({"h264"})))


def go_on() -> None:
    """Nobody wants it to stop."""


def test_a_file_of_the_catalogue_may_have_any_codec_an_upload_may_not(tmp_path: Path):
    video, thumbnail = make_video(tmp_path / "a.mp4"), tmp_path / "t.jpg"

    with pytest.raises(UnsupportedCodec, match="mpeg4; taken are h264"):
        probe("video", video, thumbnail, limits_of(SETTINGS, "video"), go_on)
    seen = probe("video", video, thumbnail, limits_of(SETTINGS, "video", listed=True), go_on)
    assert (seen.codec, seen.frames, thumbnail.is_file()) == ("mpeg4", 12, True)


@pytest.mark.parametrize(
    ("kind", "error"), [("video", InvalidVideo), ("photo", InvalidImage), ("image_set", ArchiveCorrupted)]
)
def test_a_helper_that_is_lost_costs_the_file_and_nothing_else(tmp_path: Path, kind: Kind, error: type[Exception]):
    limits = limits_of(SETTINGS, kind).model_copy(update={"memory_bytes": 1 << 20})
    with pytest.raises(error, match="within the limits"):
        probe(kind, make_video(tmp_path / "a.mp4"), tmp_path / "t.jpg", limits, go_on)


def test_a_look_ends_when_the_job_does(tmp_path: Path):
    def stop() -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        probe("video", make_video(tmp_path / "a.mp4"), tmp_path / "t.jpg", limits_of(SETTINGS, "video"), stop)
