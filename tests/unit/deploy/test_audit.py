"""What is said of what we are made of, by the real programs."""

import json
from pathlib import Path

import pytest

from deploy import audit

SOUND = {"name": "a", "version": "1", "vulns": []}
FAULTY = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "X-1", "fix_versions": ["2.1", "3"]}, {"id": "X-2", "fix_versions": []}],
}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network; where the bill of materials is written to."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "SBOM", tmp_path / "dist" / "sbom.json")
    (tmp_path / "pyproject.toml").write_text(
        (Path(audit.__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    )
    return audit.SBOM


def test_without_a_network_it_says_so_and_writes_the_bill(deaf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([]) == 0
    said = capsys.readouterr().out
    assert "audit: skipped: nobody answered" in said
    bill = json.loads(deaf.read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert {"fastapi", "celery", "redis"} <= {each["name"] for each in bill["components"]}


@pytest.mark.parametrize(
    ("told", "arguments", "status", "said"),
    [
        ([SOUND], [], 0, "1 of 1 versions were looked up, 0 have"),
        ([SOUND, UNKNOWN], [], 0, "1 of 2 versions were looked up, 0 have"),
        ([SOUND, UNKNOWN], ["--must"], 2, "1 of 2"),
        ([UNKNOWN], [], 0, "skipped: nobody answered"),
        ([UNKNOWN], ["--must"], 2, "skipped: nobody answered"),
        ([SOUND, FAULTY], [], 1, "b 2: X-1, mended in 2.1 or 3\naudit: b 2: X-2, mended in none"),
    ],
)
def test_what_nothing_was_told_about_is_not_called_sound(
    told: list[object],
    arguments: list[str],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit, "bill", lambda _target: 3)
    monkeypatch.setattr(audit, "look_up", lambda _pins: ({"dependencies": told}, ""))
    assert audit.main(arguments) == status
    assert said in capsys.readouterr().out
