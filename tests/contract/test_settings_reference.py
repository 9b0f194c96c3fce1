"""The committed page of settings is the one the code renders."""

from shared.settings_reference import TARGET, render


def test_settings_page_is_fresh() -> None:
    assert TARGET.read_text("utf-8") == render(), "run: make contracts"
